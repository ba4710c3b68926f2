import { useEffect, useState } from "react";
import type { Ticket } from "@/api/types";
import { type Draft, EMPTY, isWorthKeeping, storedDraft, storeDraft } from "./draft";

export interface DraftState {
  draft: Draft;
  /** Whether anything was written or attached. */
  begun: boolean;
  change: (part: Partial<Draft> | ((now: Draft) => Partial<Draft>)) => void;
  clear: () => void;
  /** Counts the times it was emptied, as the editor keeps a text of its own. */
  version: number;
}

/** What is being written on a ticket, kept in this browser with every letter until it is sent or discarded. */
export function useDraft(ticket: Ticket, attendantId: string): DraftState {
  const [draft, setDraft] = useState(() => storedDraft(attendantId, ticket.id) ?? EMPTY);
  const [version, setVersion] = useState(0);

  useEffect(() => storeDraft(attendantId, ticket.id, draft), [attendantId, ticket.id, draft]);

  function change(part: Partial<Draft> | ((now: Draft) => Partial<Draft>)): void {
    setDraft((now) => {
      const changed = { ...now, ...(typeof part === "function" ? part(now) : part) };
      const begins = isWorthKeeping(changed) && !isWorthKeeping(now);
      // What arrived before the first letter the writer has seen, or could have.
      return begins ? { ...changed, seenUpTo: ticket.lastMessageId } : changed;
    });
  }

  function clear(): void {
    // At once: the page may be left before the effect has its turn.
    storeDraft(attendantId, ticket.id, null);
    setDraft(EMPTY);
    setVersion((now) => now + 1);
  }

  return { draft, begun: isWorthKeeping(draft), change, clear, version };
}
