import { type InfiniteData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { answerOf } from "@/api/problem";
import type { Interaction, Message, Ticket } from "@/api/types";
import { ticketKeys } from "@/queue/keys";

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

function pageQuery(pageParam: string): { pageToken?: string } {
  return pageParam ? { pageToken: pageParam } : {};
}

export function useMessages(ticketId: string) {
  return useInfiniteQuery({
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
}

export function useHistory(ticketId: string) {
  return useInfiniteQuery({
    queryKey: ticketKeys.history(ticketId),
    queryFn: ({ pageParam, signal }) =>
      answerOf<Page & { interactions: Interaction[] }>(
        api.GET("/api/v1/tickets/{ticketId}/interactions", {
          params: { path: { ticketId }, query: pageQuery(pageParam) },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: nextToken,
    select: (data: InfiniteData<Page & { interactions: Interaction[] }>) =>
      data.pages.flatMap((page) => page.interactions),
  });
}

/** Takes the ticket as it stands before the attendant's eyes; one press is one attempt, however often it is sent. */
export function useStart(ticket: Ticket) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: () =>
      answerOf<Ticket>(
        api.POST("/api/v1/tickets/{ticketId}:start", {
          params: {
            path: { ticketId: ticket.id },
            header: { "If-Match": `"${ticket.etag}"`, "Idempotency-Key": crypto.randomUUID() },
          },
          body: {},
        }),
      ),
    onSuccess: async (started) => {
      queryClient.setQueryData(ticketKeys.one(ticket.id), started);
      await queryClient.invalidateQueries({ queryKey: ticketKeys.history(ticket.id) });
    },
    onSettled: () => {
      void queryClient.invalidateQueries({ queryKey: ticketKeys.lists });
      void queryClient.invalidateQueries({ queryKey: ticketKeys.counts });
    },
  });
}
