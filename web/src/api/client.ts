import createClient from "openapi-fetch";
import { sessionFetch } from "@/session/session-fetch";
import type { paths } from "./schema";

/** Typed from the gateway's OpenAPI document; keeps the session alive by itself. */
export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: sessionFetch });
