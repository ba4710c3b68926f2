import { type RefObject, useEffect, useRef, useState } from "react";
import type { Ticket } from "@/api/types";

const FORWARD = ["j", "ArrowDown"];
const BACKWARD = ["k", "ArrowUp"];

/**
 * One row can be reached by Tab; j and k (anywhere on the page) and the arrows (within the list) move on from it. Enter is
 * the row's own, since a row is a link. The active one is remembered by id: rows move while one reads.
 */
export function useListKeys(tickets: Ticket[], list: RefObject<HTMLElement | null>, reveal: (index: number) => void) {
  const [activeId, setActive] = useState("");
  const active = Math.max(
    0,
    tickets.findIndex(({ id }) => id === activeId),
  );
  const touched = tickets.some(({ id }) => id === activeId);

  const latest = useRef({ tickets, active, touched, reveal });
  useEffect(() => {
    latest.current = { tickets, active, touched, reveal };
  });

  useEffect(() => {
    function onKey(event: KeyboardEvent): void {
      const step = stepOf(event, list.current);
      if (step === 0) return;
      const now = latest.current;
      const next = now.touched ? now.active + step : 0;
      const ticket = now.tickets[next];
      if (!ticket) return;
      event.preventDefault();
      setActive(ticket.id);
      now.reveal(next);
      focusWhenThere(ticket.id, list.current);
    }
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [list]);

  return { active, setActive };
}

function stepOf(event: KeyboardEvent, list: HTMLElement | null): number {
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return 0;
  // A radio button takes no letters, and keeps the focus after a click on "only mine".
  if (target?.closest("input:not([type=radio]), textarea, select, [role=dialog], [role=menu]")) return 0;
  if (event.key.startsWith("Arrow") && !list?.contains(target)) return 0;
  if (FORWARD.includes(event.key)) return 1;
  return BACKWARD.includes(event.key) ? -1 : 0;
}

/** The row may have to be scrolled into being first; the virtual list needs a frame or two to render it. */
function focusWhenThere(id: string, list: HTMLElement | null, frames = 4): void {
  const rows = list?.querySelectorAll<HTMLElement>("[data-ticket-id]") ?? [];
  const row = [...rows].find(({ dataset }) => dataset.ticketId === id);
  if (row) row.focus({ preventScroll: true });
  else if (frames > 0) requestAnimationFrame(() => focusWhenThere(id, list, frames - 1));
}
