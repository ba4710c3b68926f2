import { type InfiniteData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { api } from "@/api/client";
import { answerOf } from "@/api/problem";
import type { Interaction, Message, ReplyOptions, ServiceType, Ticket } from "@/api/types";
import { ticketKeys } from "@/queue/keys";

/** The most a page of messages may hold; history pages may hold more. */
const PAGE_SIZE = 50;

export function useTicket(ticketId: string) {
  return useQuery({
    queryKey: ticketKeys.one(ticketId),
    queryFn: ({ signal }) =>
      answerOf<Ticket>(api.GET("/api/v1/tickets/{ticketId}", { params: { path: { ticketId } }, signal })),
  });
}

interface Page {
  nextPageToken: string;
}

const nextToken = (page: Page): string | undefined => page.nextPageToken || undefined;

function pageQuery(pageParam: string): { pageSize: number; pageToken?: string } {
  return { pageSize: PAGE_SIZE, ...(pageParam && { pageToken: pageParam }) };
}

interface Paged {
  hasNextPage: boolean;
  isFetching: boolean;
  isFetchNextPageError: boolean;
  fetchNextPage: () => Promise<unknown>;
}

/** The newest, which matters most, comes last: so all pages are read, one after the other. */
function useWhole<Query extends Paged>(query: Query): Query {
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = query;
  useEffect(() => {
    if (hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);
  return query;
}

export function useMessages(ticketId: string) {
  const query = useInfiniteQuery({
    queryKey: ticketKeys.messages(ticketId),
    queryFn: ({ pageParam, signal }) =>
      answerOf<Page & { messages: Message[] }>(
        api.GET("/api/v1/tickets/{ticketId}/messages", {
          params: { path: { ticketId }, query: pageQuery(pageParam) },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextToken,
    select: (data: InfiniteData<Page & { messages: Message[] }>) => data.pages.flatMap((page) => page.messages),
  });
  return useWhole(query);
}

interface HistoryPage {
  /** Of this page. */
  token: string;
  interactions: Interaction[];
}

/** History only grows: all pages but the last are full and stay as they are, so what is new is read from the last one on. */
export function useHistory(ticketId: string) {
  const queryKey = ticketKeys.history(ticketId);
  return useQuery({
    queryKey,
    queryFn: async ({ client, signal }) => {
      const known = client.getQueryData<HistoryPage[]>(queryKey) ?? [];
      const pages = known.slice(0, -1);
      let token = known.at(-1)?.token ?? "";
      do {
        const page = await historyPage(ticketId, token, signal);
        pages.push({ token, interactions: page.interactions });
        token = page.nextPageToken;
      } while (token);
      return pages;
    },
    select: (pages) => pages.flatMap(({ interactions }) => interactions),
  });
}

function historyPage(ticketId: string, token: string, signal: AbortSignal) {
  return answerOf<Page & { interactions: Interaction[] }>(
    api.GET("/api/v1/tickets/{ticketId}/interactions", {
      params: { path: { ticketId }, query: pageQuery(token) },
      signal,
    }),
  );
}

export function useReplyOptions(ticketId: string, enabled: boolean) {
  return useQuery({
    queryKey: ticketKeys.replyOptions(ticketId),
    queryFn: ({ signal }) =>
      answerOf<ReplyOptions>(
        api.GET("/api/v1/tickets/{ticketId}/replyOptions", { params: { path: { ticketId } }, signal }),
      ),
    // Read anew when somebody answers again: whom it goes to may have changed.
    staleTime: 10_000,
    enabled,
  });
}

/** Those that may be used in a department. There are few; more than one page of them nobody could choose from. */
export function useServiceTypes(departmentId: string, fresh: boolean) {
  return useQuery({
    queryKey: ticketKeys.serviceTypes(departmentId),
    queryFn: async ({ signal }) => {
      const query = { departmentId, pageSize: 200 };
      const page = await answerOf<{ serviceTypes: ServiceType[] }>(
        api.GET("/api/v1/serviceTypes", { params: { query }, signal }),
      );
      return page.serviceTypes;
    },
    staleTime: 60_000,
    refetchOnMount: fresh ? "always" : true,
  });
}
