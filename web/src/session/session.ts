import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { answerOf, ApiProblem, problemOf } from "@/api/problem";
import type { Me } from "@/api/types";
import { csrfHeader } from "./csrf";
import { announceSessionEnd, announceSessionStart } from "./session-state";

export function useMe() {
  return useQuery({ queryKey: ["me"], queryFn: () => answerOf<Me>(api.GET("/api/v1/me")), staleTime: 5 * 60_000 });
}

/** Signing in and out must not renew a session on 401, so they do not go through the client. */
async function post(route: string, body?: unknown): Promise<void> {
  const answer = await fetch(new URL(`/api/v1/${route}`, window.location.origin), {
    method: "POST",
    headers: { ...csrfHeader, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.ok) return;
  throw new ApiProblem(problemOf(await answer.json().catch(() => null), answer));
}

export async function signIn(username: string, password: string): Promise<void> {
  await post("auth:login", { username, password, session: "COOKIE" });
  announceSessionStart();
}

export async function signOut(): Promise<void> {
  await post("auth:logout");
  announceSessionEnd("left");
}
