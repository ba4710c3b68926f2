import { useSyncExternalStore } from "react";
import { wantedAddress } from "./addresses";

/** Whether the session is known to be over. All tabs share one session, so they tell each other. */
let ended = false;
const listeners = new Set<() => void>();
const channel = new BroadcastChannel("guiche.session");

type Announcement = "ended" | "started";

channel.onmessage = (message: MessageEvent<Announcement>) => {
  if (message.data === "ended") become(true);
  // Another tab signed somebody in, perhaps somebody else: nothing shown here may outlive that.
  else if (window.location.pathname === "/sign-in") window.location.replace(wantedAddress(window.location.search));
  else window.location.reload();
};

function become(over: boolean): void {
  ended = over;
  for (const listener of listeners) listener();
}

export function announceSessionEnd(): void {
  if (ended) return;
  become(true);
  channel.postMessage("ended" satisfies Announcement);
}

export function announceSessionStart(): void {
  become(false);
  channel.postMessage("started" satisfies Announcement);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSessionEnded(): boolean {
  return useSyncExternalStore(subscribe, () => ended);
}
