import type { TicketEvent } from "@/api/types";
import { refreshSession } from "@/session/refresh";
import { announceSessionEnd } from "@/session/session-state";

export type PushMessage =
  | { type: "ticket"; event: TicketEvent }
  | { type: "counts" }
  | { type: "resync" }
  | { type: "connected" }
  | { type: "lost" }
  | { type: "standing" }
  | { type: "state?" };

const LONGEST_PAUSE = 30_000;

/**
 * The event stream, one for all tabs: a browser allows six connections per host over HTTP/1.1, and attendants keep more than
 * six tickets open. The tab that holds the lock listens and passes everything on; when it closes, the next one takes over.
 */
export function openPush(receive: (message: PushMessage) => void): () => void {
  const closing = new AbortController();
  const channel = new BroadcastChannel("guiche.push");
  let stop: (() => void) | undefined;
  let last: PushMessage = { type: "lost" };

  function tell(message: PushMessage): void {
    if (closing.signal.aborted) return;
    if (message.type === "connected" || message.type === "lost") last = message;
    channel.postMessage(message);
    receive(message);
  }

  channel.onmessage = (message: MessageEvent<PushMessage>) => {
    if (message.data.type !== "state?") receive(message.data);
    else if (stop) channel.postMessage(last.type === "connected" ? { type: "standing" } : last);
  };
  // A tab that joins later asks the listening one whether the stream stands.
  channel.postMessage({ type: "state?" } satisfies PushMessage);

  void whileLeading(closing.signal, () => {
    stop = listen(tell);
  });

  return () => {
    closing.abort();
    stop?.();
    channel.close();
  };
}

/** Calls lead() once this tab may listen, and keeps that right until the signal aborts. */
async function whileLeading(signal: AbortSignal, lead: () => void): Promise<void> {
  if (!("locks" in navigator)) {
    lead();
    return;
  }
  const held = async (): Promise<void> => {
    // The lock may have been on its way when the page let go of it.
    if (signal.aborted) return;
    lead();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  };
  // Aborted while still waiting for the lock: there is nothing to give back.
  await navigator.locks.request("guiche.push", { signal }, held).catch(() => undefined);
}

/** Listens until stopped: reopens a stream the browser has given up, renewing the session where that was the reason. */
function listen(tell: (message: PushMessage) => void): () => void {
  let source: EventSource;
  let timer: number | undefined;
  let stopped = false;
  let failures = 0;

  function open(): void {
    source = new EventSource("/api/v1/events");
    source.onopen = () => {
      failures = 0;
      tell({ type: "connected" });
    };
    source.onerror = () => {
      tell({ type: "lost" });
      // CONNECTING: the browser tries again by itself. CLOSED: the answer was no stream, e.g. 401, and it has given up.
      if (source.readyState === EventSource.CLOSED && !stopped) void reopen();
    };
    source.addEventListener("ticket", (message: MessageEvent<string>) => {
      tell({ type: "ticket", event: JSON.parse(message.data) as TicketEvent });
    });
    source.addEventListener("counts", () => tell({ type: "counts" }));
    source.addEventListener("resync", () => tell({ type: "resync" }));
  }

  async function reopen(): Promise<void> {
    failures += 1;
    if ((await refreshIfNeeded()) === "ended") announceSessionEnd();
    else if (!stopped) timer = window.setTimeout(open, pause(failures));
  }

  open();
  return () => {
    stopped = true;
    window.clearTimeout(timer);
    source.close();
  };
}

/** EventSource hides the status, so ask something cheap that tells it. */
async function refreshIfNeeded(): Promise<"alive" | "ended"> {
  const sentAt = Date.now();
  try {
    const answer = await fetch(new URL("/api/v1/me", window.location.origin));
    if (answer.status !== 401) return "alive";
  } catch {
    return "alive";
  }
  return (await refreshSession(sentAt)) === "ended" ? "ended" : "alive";
}

/** At once after the first failure, then doubling, with jitter so that a restarted server is not met by everybody at once. */
function pause(failures: number): number {
  if (failures === 1) return 0;
  return Math.min(LONGEST_PAUSE, 500 * 2 ** failures) * (0.5 + Math.random() / 2);
}
