import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Ticket } from "@/api/types";

/**
 * Keeps what is being read in place when rows come in above it. `missed`: how many came in unseen since the list was last
 * at its top.
 */
export function useSteadyScroll(
  tickets: Ticket[],
  height: number,
): { scroll: RefObject<HTMLDivElement | null>; missed: number } {
  const scroll = useRef<HTMLDivElement>(null);
  const before = useRef<Ticket[]>(tickets);
  const [missed, setMissed] = useState(0);

  useLayoutEffect(() => {
    const element = scroll.current;
    const anchor = element ? before.current[Math.floor(element.scrollTop / height)] : undefined;
    const was = anchor ? before.current.indexOf(anchor) : -1;
    const is = anchor ? tickets.findIndex(({ id }) => id === anchor.id) : -1;
    before.current = tickets;
    if (!element || element.scrollTop < height / 2 || is <= was || was < 0) return;
    element.scrollTop += (is - was) * height;
    setMissed((count) => count + is - was);
  }, [tickets, height]);

  useEffect(() => {
    const element = scroll.current;
    if (!element) return;
    const onScroll = (): void => {
      if (element.scrollTop < height / 2) setMissed(0);
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => element.removeEventListener("scroll", onScroll);
  }, [height]);

  return { scroll, missed };
}
