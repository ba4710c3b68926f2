import { useSyncExternalStore } from "react";
import { wantedAddress } from "./addresses";

/** How the session came to be over: it ran out, or somebody left on purpose and whoever comes next begins anew. */
type End = "ended" | "left";

/** Whether the session is known to be over. All tabs share one session, so they tell each other. */
let over: End | undefined;
const listeners = new Set<() => void>();
const channel = new BroadcastChannel("guiche.session");

type Announcement = End | "started";

channel.onmessage = (message: MessageEvent<Announcement>) => {
  if (message.data !== "started") become(over === "left" ? over : message.data);
  // Another tab signed somebody in, perhaps somebody else: nothing shown here may outlive that.
  else if (window.location.pathname === "/sign-in") window.location.replace(wantedAddress(window.location.search));
  else window.location.reload();
};

function become(how: End | undefined): void {
  over = how;
  for (const listener of listeners) listener();
}

export function announceSessionEnd(how: End = "ended"): void {
  // Requests under way notice the end of a session that was left; that it was left stands.
  if (over === how || over === "left") return;
  become(how);
  channel.postMessage(how satisfies Announcement);
}

export function announceSessionStart(): void {
  become(undefined);
  channel.postMessage("started" satisfies Announcement);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSessionEnd(): End | undefined {
  return useSyncExternalStore(subscribe, () => over);
}
