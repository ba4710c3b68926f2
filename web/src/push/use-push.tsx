import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import type { TicketEvent, TicketPage } from "@/api/types";
import { ticketKeys } from "@/queue/keys";
import { coalesced } from "./coalesce";
import { openPush, type PushMessage } from "./stream";

/** A short loss, such as the planned end with each access token, is not worth a word. */
const PATIENCE = 2_500;

const ConnectedContext = createContext(true);

/** False once the push stream has been away for long enough to tell the attendant. */
export function useConnected(): boolean {
  return useContext(ConnectedContext);
}

export function PushProvider({ children }: { children: ReactNode }) {
  const queryClient = useQueryClient();
  const [connected, setConnected] = useState(true);

  useEffect(() => {
    const apply = applier(queryClient);
    let timer: number | undefined;
    const close = openPush((message) => {
      if (message.type === "connected" || message.type === "standing") {
        window.clearTimeout(timer);
        timer = undefined;
        setConnected(true);
      } else if (message.type === "lost") {
        timer ??= window.setTimeout(() => setConnected(false), PATIENCE);
      }
      apply(message);
    });
    return () => {
      window.clearTimeout(timer);
      close();
    };
  }, [queryClient]);

  return <ConnectedContext value={connected}>{children}</ConnectedContext>;
}

type Part = "history" | "messages" | "replyOptions";

/** Messages are large and most acts leave them as they are. Whom an answer goes to follows from the newest. */
const PARTS: Partial<Record<TicketEvent["verb"], Part[]>> = {
  opened: ["history", "messages", "replyOptions"],
  replied: ["history", "messages", "replyOptions"],
  messageAppended: ["history", "messages", "replyOptions"],
  deliveryChanged: ["history", "messages"],
};

/** Where it left my view nothing that is kept of it may be taken for current when it comes back. */
function partsOf({ verb, visible }: TicketEvent): Part[] {
  return visible ? (PARTS[verb] ?? ["history"]) : ["history", "messages", "replyOptions"];
}

/** Turns push messages into refetches, few of them. */
export function applier(queryClient: QueryClient): (message: PushMessage) => void {
  const changed = new Map<string, Part[]>();
  let standing = false;

  const refetchTickets = coalesced(async () => {
    const tickets = [...changed].flatMap(([id, parts]) => [
      queryClient.invalidateQueries({ queryKey: ticketKeys.one(id), exact: true }),
      ...parts.map((part) => queryClient.invalidateQueries({ queryKey: ticketKeys[part](id) })),
    ]);
    changed.clear();
    await Promise.all([queryClient.invalidateQueries({ queryKey: ticketKeys.lists }), ...tickets]);
  }, 250);
  const refetchCounts = coalesced(() => queryClient.invalidateQueries({ queryKey: ticketKeys.counts }), 150);
  const refetchShown = coalesced(async () => {
    const keys = [ticketKeys.lists, ticketKeys.counts, ticketKeys.ones];
    await Promise.all(keys.map((queryKey) => queryClient.invalidateQueries({ queryKey })));
  }, 50);
  const refetchAll = coalesced(() => queryClient.invalidateQueries(), 50);

  return (message) => {
    switch (message.type) {
      case "ticket":
        if (!message.event.visible) leave(queryClient, message.event);
        changed.set(message.event.ticketId, [
          ...(changed.get(message.event.ticketId) ?? []),
          ...partsOf(message.event),
        ]);
        refetchTickets();
        break;
      case "counts":
        refetchCounts();
        break;
      case "resync":
        refetchAll();
        break;
      case "standing":
        standing = true;
        break;
      case "connected":
        // What happened while nobody listened was not told to this page; on its first stream, since it read what it shows.
        if (standing) refetchAll();
        else refetchShown();
        standing = true;
        break;
    }
  };
}

/** It is gone from my lists, and a page that shows it can tell why. */
function leave(queryClient: QueryClient, { ticketId, verb }: TicketEvent): void {
  queryClient.setQueryData(ticketKeys.left(ticketId), verb);
  dropFromLists(queryClient, ticketId);
}

/** What left my view must not stand there while the refetch is under way. */
function dropFromLists(queryClient: QueryClient, ticketId: string): void {
  queryClient.setQueriesData<InfiniteData<TicketPage>>(
    { queryKey: ticketKeys.lists },
    (data) =>
      data && {
        ...data,
        pages: data.pages.map((page) => ({
          ...page,
          tickets: page.tickets.filter((ticket) => ticket.id !== ticketId),
        })),
      },
  );
}
