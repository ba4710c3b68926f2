import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import { answerOf } from "@/api/problem";
import type { Counts, ListTicketsQuery, StatusCount, TicketPage } from "@/api/types";
import type { QueueFilter, SidebarStatus } from "./filter";
import { ticketKeys } from "./keys";

const PAGE_SIZE = 50;

function asQuery(filter: QueueFilter, pageToken: string): ListTicketsQuery {
  return {
    pageSize: PAGE_SIZE,
    ...(filter.mine && { view: "MINE" as const }),
    ...(filter.status && { status: [filter.status] }),
    ...(filter.departmentId && { departmentId: filter.departmentId }),
    ...(filter.levelId && { levelId: filter.levelId }),
    ...(pageToken && { pageToken }),
  };
}

export function useTickets(filter: QueueFilter) {
  return useInfiniteQuery({
    queryKey: ticketKeys.list(filter),
    queryFn: ({ pageParam, signal }) =>
      answerOf<TicketPage>(api.GET("/api/v1/tickets", { params: { query: asQuery(filter, pageParam) }, signal })),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextPageToken || undefined,
  });
}

export function useCounts() {
  return useQuery({
    queryKey: ticketKeys.counts,
    queryFn: ({ signal }) => answerOf<Counts>(api.GET("/api/v1/tickets:counts", { signal })),
    placeholderData: keepPreviousData,
  });
}

/** How many of these counted tickets an entry of the sidebar stands for. */
export function countOf(statuses: StatusCount[], wanted: SidebarStatus): number {
  return statuses
    .filter(({ status }) =>
      wanted === "CREATED_OR_OPEN" ? status === "CREATED" || status === "OPEN" : status === wanted,
    )
    .reduce((sum, { count }) => sum + count, 0);
}
