import { type RefObject, useEffect, useRef } from "react";
import { cardOf } from "./card-of";

const READERS = ["wheel", "touchstart", "keydown", "pointerdown"] as const;

/**
 * Keeps the beginning of the newest message in sight while frames and images above it take their height, until the reader
 * scrolls. A message that comes in later is shown only where the reader was at the end already.
 */
export function useNewestInSight(scroll: RefObject<HTMLElement | null>, newest: string | undefined): void {
  const shown = useRef<string | undefined>(undefined);
  useSteadyEnd(scroll);

  useEffect(() => {
    const box = scroll.current;
    const content = box?.querySelector("[data-testid=timeline]");
    if (!box || !content || newest === undefined) return;
    const first = shown.current === undefined;
    shown.current = newest;
    if (!first && box.scrollHeight - box.scrollTop - box.clientHeight > 600) return;

    const show = (): void => {
      const card = cardOf(newest, box);
      if (!card) return;
      const top = card.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
      box.scrollTo({ top: Math.max(0, top - 84) });
    };
    show();
    const observer = new ResizeObserver(show);
    observer.observe(content);
    const stop = (): void => observer.disconnect();
    for (const kind of READERS) box.addEventListener(kind, stop, { passive: true, once: true });
    return () => {
      stop();
      for (const kind of READERS) box.removeEventListener(kind, stop);
    };
  }, [scroll, newest]);
}

/** When the box gets lower, as for the reply to be written, what stood at its lower edge stays there. */
function useSteadyEnd(scroll: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const box = scroll.current;
    if (!box) return;
    let height = box.clientHeight;
    const observer = new ResizeObserver(() => {
      const lost = height - box.clientHeight;
      height = box.clientHeight;
      if (lost > 0) box.scrollTop += lost;
    });
    observer.observe(box);
    return () => observer.disconnect();
  }, [scroll]);
}
