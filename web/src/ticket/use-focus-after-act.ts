import { type RefObject, useEffect, useRef, useState } from "react";
import type { Ticket } from "@/api/types";
import type { SimpleVerb } from "./verbs/simple-verbs";

/**
 * What was pressed goes away with its verb, and the keyboard would be nowhere. It goes on to where the ticket is answered
 * instead: into the open reply box, else to the button that opens it.
 */
export function useFocusAfterAct(ticket: Ticket, reply: RefObject<HTMLElement | null>): (done: SimpleVerb) => void {
  const acted = useRef<SimpleVerb>(undefined);
  const [acts, setActs] = useState(0);

  useEffect(() => {
    if (!acted.current || ticket.allowedVerbs.includes(acted.current)) return;
    acted.current = undefined;
    if (document.activeElement === document.body) placeIn(reply.current)?.focus();
  }, [ticket, acts, reply]);

  return (done) => {
    acted.current = done;
    setActs((now) => now + 1);
  };
}

function placeIn(reply: HTMLElement | null): HTMLElement | null | undefined {
  return (
    reply?.querySelector<HTMLElement>("section:not([hidden]) [contenteditable=true]") ?? reply?.querySelector("button")
  );
}
