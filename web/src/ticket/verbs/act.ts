import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { api } from "@/api/client";
import { answerOf, ApiProblem } from "@/api/problem";
import type { Await, Classification, SettableStatus, Ticket, TicketPriority } from "@/api/types";
import { ticketKeys } from "@/queue/keys";
import { queueAddress } from "@/queue/queue-address";
import { notify } from "@/ui/notify";
import { useProblemText } from "@/ui/problem-text";
import type { SimpleVerb } from "./simple-verbs";

/** What an attendant may do to a ticket, other than answering. The names are those of Ticket.allowedVerbs. */
export type Action =
  | { verb: SimpleVerb }
  | { verb: "awaitReply"; awaiting: Await }
  | { verb: "setStatus"; status: SettableStatus; awaiting?: Await; classification?: Classification }
  | { verb: "setPriority"; priority: Exclude<TicketPriority, "UNSPECIFIED"> }
  | { verb: "setServiceType"; serviceTypeId: string; data: NonNullable<Classification["data"]> }
  | { verb: "conclude" | "finalize"; classification?: Classification };

/** One press is one attempt, however often it is sent. */
function attemptOn(ticket: Ticket) {
  return { path: { ticketId: ticket.id }, header: { "Idempotency-Key": crypto.randomUUID() } };
}

/** What replaces a value is about the one before the attendant's eyes; a verb is right or wrong by the ticket's status. */
function replacementOn(ticket: Ticket) {
  const { path, header } = attemptOn(ticket);
  return { path, header: { ...header, "If-Match": `"${ticket.etag}"` } };
}

function perform(ticket: Ticket, action: Action): Promise<Ticket> {
  const params = attemptOn(ticket);
  switch (action.verb) {
    case "awaitReply":
      return answerOf<Ticket>(api.POST("/api/v1/tickets/{ticketId}:awaitReply", { params, body: action.awaiting }));
    case "setStatus": {
      const { verb: _, ...body } = action;
      return answerOf<Ticket>(api.POST("/api/v1/tickets/{ticketId}:setStatus", { params, body }));
    }
    case "setPriority":
      return answerOf<Ticket>(
        api.POST("/api/v1/tickets/{ticketId}:setPriority", {
          params: replacementOn(ticket),
          body: { priority: action.priority },
        }),
      );
    case "setServiceType": {
      const { verb: _, ...body } = action;
      return answerOf<Ticket>(
        api.PUT("/api/v1/tickets/{ticketId}/serviceType", { params: replacementOn(ticket), body }),
      );
    }
    case "conclude": {
      const { verb: _, ...body } = action;
      return answerOf<Ticket>(api.POST("/api/v1/tickets/{ticketId}:conclude", { params, body }));
    }
    case "finalize": {
      const { verb: _, ...body } = action;
      return answerOf<Ticket>(api.POST("/api/v1/tickets/{ticketId}:finalize", { params, body }));
    }
    default:
      return answerOf<Ticket>(
        api.POST(`/api/v1/tickets/{ticketId}:${action.verb satisfies SimpleVerb}`, { params, body: {} }),
      );
  }
}

const ASKABLE = ["SERVICE_TYPE_DATA_MISSING", "AWAIT_UNTIL_INVALID"];
const ASKABLE_PARTS = /^\/(classification|awaiting|serviceTypeId|data|until)(\/|$)/;

/** Refusals that a dialog can ask the missing part for. All others are told and done with. */
function isAskable({ problem }: ApiProblem): boolean {
  return ASKABLE.includes(problem.code) || problem.errors.some(({ pointer }) => ASKABLE_PARTS.test(pointer));
}

/** elsewhere: what is to be done about it stands on the page, not in the dialog that asked. */
export type Outcome = { done: true } | { done: false; refusal?: ApiProblem; elsewhere?: true };

/** Does things to the ticket and tells how it went; what remains for the caller is a refusal it can ask the missing part for. */
export function useAct(ticket: Ticket): { act: (action: Action) => Promise<Outcome>; pending: boolean } {
  const queryClient = useQueryClient();
  const complain = useComplain(ticket.id);
  const afterwards = useAfterwards();
  const { mutateAsync, isPending } = useMutation({
    mutationFn: (action: Action) => perform(ticket, action),
    onSettled: () => refetchAround(queryClient, ticket.id),
  });

  async function act(action: Action): Promise<Outcome> {
    try {
      const changed = await mutateAsync(action);
      takeIn(queryClient, changed);
      afterwards(action, changed);
      return { done: true };
    } catch (error) {
      if (error instanceof ApiProblem && isAskable(error)) return { done: false, refusal: error };
      complain(error);
      return { done: false };
    }
  }

  return { act, pending: isPending };
}

/**
 * An answer may be older than what is known: kept by the server for a repeated request, or overtaken on its way. The etag
 * counts how often the ticket has changed.
 */
export function takeIn(queryClient: QueryClient, changed: Ticket): void {
  const queryKey = ticketKeys.one(changed.id);
  queryClient.setQueryData<Ticket>(queryKey, (known) =>
    known && Number(known.etag) >= Number(changed.etag) ? known : changed,
  );
  void queryClient.invalidateQueries({ queryKey, exact: true });
}

export function refetchAround(queryClient: QueryClient, ticketId: string): void {
  const keys = [ticketKeys.history(ticketId), ticketKeys.lists, ticketKeys.counts];
  for (const queryKey of keys) void queryClient.invalidateQueries({ queryKey });
}

/** Tells a refusal; who lost a race to somebody else is back at the queue. */
export function useComplain(ticketId: string): (error: unknown) => void {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const problemText = useProblemText();
  return (error) => {
    if (error instanceof ApiProblem && error.problem.code === "TICKET_ALREADY_STARTED") {
      const { holder } = error.problem;
      notify("refused", holder ? t("ticket.alreadyStarted", { name: holder }) : t("ticket.alreadyStartedUnknown"));
      void navigate(queueAddress());
      return;
    }
    notify("failed", problemText(error));
    // Stale, not found, not allowed: what stands on the page is not what the server has.
    void queryClient.invalidateQueries({ queryKey: ticketKeys.one(ticketId) });
  };
}

/** A word about what is done; from a ticket that is over, back to the queue for the next. */
function useAfterwards(): (action: Action, changed: Ticket) => void {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return ({ verb }, changed) => {
    if (verb === "setStatus" && changed.status === "CLOSED") notify("done", t("done.finalize"));
    else if (verb !== "setStatus" && verb !== "setPriority") notify("done", t(`done.${verb}`));
    if (changed.status === "CLOSED") void navigate(queueAddress());
  };
}
