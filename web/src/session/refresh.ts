import { csrfHeader } from "./csrf";

export type RefreshOutcome = "refreshed" | "ended" | "unavailable";

const REFRESHED_AT = "guiche.session.refreshedAt";
let running: Promise<RefreshOutcome> | undefined;

/**
 * Renews the session once, however many requests and tabs ask at the same moment.
 *
 * A refresh token can be used once; a second use ends the whole session. Requests of this tab share one promise, tabs take
 * turns by a lock, and whoever finds that a refresh happened after its own request was sent (sentAt, epoch ms) does nothing.
 */
export function refreshSession(sentAt: number): Promise<RefreshOutcome> {
  running ??= takingTurns(() => refreshUnlessDone(sentAt)).finally(() => {
    running = undefined;
  });
  return running;
}

/** Browsers offer locks only on secure origins, and so does our cookie; elsewhere one tab still takes turns with itself. */
async function takingTurns(work: () => Promise<RefreshOutcome>): Promise<RefreshOutcome> {
  if (!("locks" in navigator)) return work();
  return navigator.locks.request("guiche.session.refresh", work);
}

async function refreshUnlessDone(sentAt: number): Promise<RefreshOutcome> {
  if (Number(localStorage.getItem(REFRESHED_AT) ?? 0) > sentAt) return "refreshed";
  const answer = await postRefresh();
  if (answer?.ok) {
    localStorage.setItem(REFRESHED_AT, String(Date.now()));
    return "refreshed";
  }
  const refused = answer !== undefined && answer.status >= 400 && answer.status < 500 && answer.status !== 429;
  return refused ? "ended" : "unavailable";
}

async function postRefresh(): Promise<Response | undefined> {
  try {
    return await fetch(new URL("/api/v1/auth:refresh", window.location.origin), {
      method: "POST",
      headers: csrfHeader,
    });
  } catch {
    return undefined;
  }
}
