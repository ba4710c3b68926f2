import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import type { Seed } from "./data.ts";
import { HOSTILE } from "./mails.ts";
import { type Jar, World } from "./world.ts";

/** The policies the gateway sends; the pages must work under them. */
const PAGE_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
const FRAME_POLICY =
  "default-src 'none'; img-src data: https: http:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

export const HOSTILE_TICKET = 900;
/** Held by Ana, with a long conversation. */
export const CONVERSATION_TICKET = 901;

function demoSeeds(): Seed[] {
  const seeds: Seed[] = Array.from({ length: 140 }, (_, index) => ({
    number: index,
    minutesAgo: Math.round(2 + index ** 1.9 / 2),
  }));
  return [
    ...seeds,
    {
      number: HOSTILE_TICKET,
      minutesAgo: 40_000,
      level: "n1",
      status: "OPEN",
      subject: "Conteúdo hostil",
      html: HOSTILE,
    },
    {
      number: CONVERSATION_TICKET,
      minutesAgo: 1_700,
      level: "n1",
      status: "STARTED",
      holder: "ana",
      conversation: true,
    },
  ];
}

/** Serves the application's API from memory, for looking at pages without the services. */
export function mockServer(): Plugin {
  const world = new World(demoSeeds());
  let next = 1000;
  const serve: Connect.NextHandleFunction = (request, response, proceed) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (path.startsWith("/api/v1/events")) streamEvents(world, request, response);
    else if (path.startsWith("/api/")) void answer(world, request, response);
    else if (path === "/mock/open") {
      next += 1;
      const { ticket } = world.open({ number: next, minutesAgo: 0, level: "n1", status: "OPEN" });
      response.end(ticket.id);
    } else if (path.startsWith("/mock/start/")) {
      world.startAs("bruno", path.slice("/mock/start/".length));
      response.end();
    } else if (path.startsWith("/mock/receive/")) {
      response.end(world.receive(path.slice("/mock/receive/".length), "Esqueci de dizer: é urgente, viajo amanhã."));
    } else if (path.startsWith("/mock/delivered/")) {
      const [ticketId = "", messageId = ""] = path.slice("/mock/delivered/".length).split("/");
      world.deliver(ticketId, messageId, { state: "SENT" });
      response.end();
    } else if (path === "/mock/sent") {
      response.end(JSON.stringify(world.sent));
    } else if (path === "/mock/expire") {
      world.expireAccess();
      response.end();
    } else proceed();
  };
  return {
    name: "guiche-mock",
    configureServer: (server) => void server.middlewares.use(serve),
    configurePreviewServer: (server) => {
      server.middlewares.use((request, response, proceed) => {
        response.setHeader(
          "Content-Security-Policy",
          request.url?.startsWith("/frame.html") ? FRAME_POLICY : PAGE_POLICY,
        );
        proceed();
      });
      server.middlewares.use(serve);
    },
  };
}

function cookiesOf(request: IncomingMessage): Jar {
  const pairs = (request.headers.cookie ?? "").split("; ").map((pair) => pair.split("="));
  const value = (name: string): string | undefined => pairs.find(([key]) => key === name)?.[1];
  return { access: value("__Host-guiche-access"), refresh: value("__Host-guiche-refresh") };
}

function cookie(name: string, value: string | undefined): string {
  return `__Host-guiche-${name}=${value ?? ""}; Path=/; Secure; HttpOnly; SameSite=Strict${value ? "" : "; Max-Age=0"}`;
}

async function answer(world: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = new Headers(
    Object.entries(request.headers).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
  const method = request.method ?? "GET";
  const body = method === "GET" ? {} : { body: Buffer.concat(chunks) };
  const jar = cookiesOf(request);
  const result = await world.handle(new Request(`http://mock${request.url ?? ""}`, { method, headers, ...body }), jar);
  if (request.url?.includes("/auth:"))
    response.setHeader("Set-Cookie", [cookie("access", jar.access), cookie("refresh", jar.refresh)]);
  response.statusCode = result.status;
  result.headers.forEach((value, name) => void response.setHeader(name, value));
  response.end(Buffer.from(await result.arrayBuffer()));
}

function streamEvents(world: World, request: IncomingMessage, response: ServerResponse): void {
  const username = world.signedIn(cookiesOf(request));
  if (!username) {
    response.statusCode = 401;
    response.end();
    return;
  }
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write("retry: 1000\n\n");
  const stop = world.listen(username, ({ name, data }) =>
    response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`),
  );
  request.on("close", stop);
}
