import { useEffect, useRef, useState } from "react";
import type { Ticket } from "@/api/types";

const SHOWN_FOR = 4_500;

interface Fresh {
  /** Ids to highlight now. */
  ids: ReadonlySet<string>;
  /** The newest arrivals, for saying them aloud. */
  latest: Ticket[];
}

const NOTHING: Fresh = { ids: new Set(), latest: [] };

/**
 * Which tickets came in while the list of `scope` was open: unknown so far, and with activity no older than the newest one
 * known. Rows of further pages are older, so they never count.
 */
export function useFresh(scope: string, tickets: Ticket[] | undefined): Fresh {
  const known = useRef<{ scope: string; ids: Set<string>; newest: string } | undefined>(undefined);
  const [fresh, setFresh] = useState(NOTHING);

  useEffect(() => {
    if (!tickets) return;
    const before = known.current?.scope === scope ? known.current : undefined;
    const arrived = before
      ? tickets.filter((ticket) => !before.ids.has(ticket.id) && (ticket.lastActivityAt ?? "") >= before.newest)
      : [];
    known.current = {
      scope,
      ids: new Set(tickets.map(({ id }) => id)),
      newest: tickets[0]?.lastActivityAt ?? before?.newest ?? "",
    };
    if (arrived.length > 0)
      setFresh((now) => ({ ids: new Set([...now.ids, ...arrived.map(({ id }) => id)]), latest: arrived }));
  }, [scope, tickets]);

  useEffect(() => {
    if (fresh.ids.size === 0) return;
    const timer = window.setTimeout(() => setFresh(NOTHING), SHOWN_FOR);
    return () => window.clearTimeout(timer);
  }, [fresh]);

  return fresh;
}
