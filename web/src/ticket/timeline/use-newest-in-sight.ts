import { type RefObject, useEffect, useRef } from "react";

const READERS = ["wheel", "touchstart", "keydown", "pointerdown"] as const;

/**
 * Keeps the beginning of the newest message in sight while frames and images above it take their height, until the reader
 * scrolls. A message that comes in later is shown only where the reader was at the end already.
 */
export function useNewestInSight(scroll: RefObject<HTMLElement | null>, newest: string | undefined): void {
  const shown = useRef<string | undefined>(undefined);

  useEffect(() => {
    const box = scroll.current;
    const content = box?.querySelector("[data-testid=timeline]");
    if (!box || !content || newest === undefined) return;
    const first = shown.current === undefined;
    shown.current = newest;
    if (!first && box.scrollHeight - box.scrollTop - box.clientHeight > 600) return;

    const show = (): void => {
      const card = box.querySelector<HTMLElement>(`[data-message-id="${CSS.escape(newest)}"]`);
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
