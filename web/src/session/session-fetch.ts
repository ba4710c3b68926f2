import { csrfHeader } from "./csrf";
import { refreshSession } from "./refresh";
import { announceSessionEnd } from "./session-state";

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/** fetch that renews an expired session once and repeats the request once. */
export async function sessionFetch(request: Request): Promise<Response> {
  if (!SAFE_METHODS.includes(request.method)) {
    for (const [name, value] of Object.entries(csrfHeader)) request.headers.set(name, value);
  }
  const again = request.clone();
  const sentAt = Date.now();
  const answer = await fetch(request);
  if (answer.status !== 401) return answer;

  const outcome = await refreshSession(sentAt);
  // The session may well be alive while the server cannot be asked: that is an outage, not the end.
  if (outcome === "unavailable") throw new TypeError("The session could not be renewed.");
  const last = outcome === "refreshed" ? await fetch(again) : answer;
  if (last.status === 401) announceSessionEnd();
  return last;
}
