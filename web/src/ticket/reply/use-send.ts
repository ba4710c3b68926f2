import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { api } from "@/api/client";
import { answerOf, ApiProblem } from "@/api/problem";
import type { Classification, ReplyOptions, Ticket } from "@/api/types";
import { ticketKeys } from "@/queue/keys";
import { queueAddress } from "@/queue/queue-address";
import { type Outcome, refetchAround, takeIn, useComplain } from "@/ticket/verbs/act";
import { isUsableUntil } from "@/ticket/verbs/until";
import { notify } from "@/ui/notify";
import { type Content, contentOf, type Faults, faultsOf, faultsOfProblem } from "./content";
import { rememberSendAs, type SendAs, storedDraft } from "./draft";
import type { DraftState } from "./use-draft";

export interface Extra {
  classification?: Classification | undefined;
  seenUpTo?: string;
}

export interface Sending {
  send: (extra?: Extra) => Promise<Outcome>;
  sending: boolean;
  faults: Faults;
  forget: (place: keyof Faults) => void;
  /** What went wrong with the reply as a whole. */
  error: unknown;
  /** The server has refused since something arrived that the writer had not seen. */
  stale: boolean;
  /** Forgets all that was wrong: there is nothing left that it could be about. */
  calm: () => void;
  /** What is missing for closing, as the server said. */
  missing: ApiProblem | undefined;
  dropMissing: () => void;
}

/** Sends the draft; whatever is refused, everything that was written stays. */
export function useSend(
  ticket: Ticket,
  attendantId: string,
  state: DraftState,
  options: ReplyOptions | undefined,
  sendAs: SendAs,
): Sending {
  const queryClient = useQueryClient();
  const complain = useComplain(ticket.id);
  const sent = useSent(ticket, attendantId, state, sendAs);
  const underWay = useRef(false);
  const [sending, setSending] = useState(false);
  const [faults, setFaults] = useState<Faults>({});
  const [error, setError] = useState<unknown>();
  const [stale, setStale] = useState(false);
  const [missing, setMissing] = useState<ApiProblem>();

  /** The same content goes under the same request, also from another tab, so that the customer gets it once. */
  function requestIdOf(content: Content): string {
    const written = JSON.stringify(content);
    const known = [state.draft.sent, storedDraft(attendantId, ticket.id)?.sent].find((one) => one?.content === written);
    const requestId = known?.requestId ?? crypto.randomUUID();
    state.change({ sent: { content: written, requestId } });
    return requestId;
  }

  function post(content: Content, { classification, seenUpTo }: Extra): Promise<Ticket> {
    const { accountId, ...rest } = content;
    const seen = seenUpTo ?? state.draft.seenUpTo;
    return answerOf<Ticket>(
      api.POST("/api/v1/tickets/{ticketId}:reply", {
        params: { path: { ticketId: ticket.id }, header: { "Idempotency-Key": requestIdOf(content) } },
        body: {
          ...rest,
          ...(accountId && { accountId }),
          thenStatus: sendAs.status,
          ...(sendAs.status === "PENDING" && { awaiting: sendAs.awaiting }),
          ...(seen && { seenUpTo: seen }),
          ...(classification && { classification }),
        },
      }),
    );
  }

  async function refused(problem: ApiProblem, content: Content): Promise<Outcome> {
    switch (problem.problem.code) {
      case "SEEN_UP_TO_STALE":
        setStale(true);
        await queryClient.invalidateQueries({ queryKey: ticketKeys.one(ticket.id) });
        return { done: false, elsewhere: true };
      case "SERVICE_TYPE_DATA_MISSING":
        setMissing(problem);
        return { done: false, refusal: problem };
      case "TICKET_ALREADY_STARTED":
        complain(problem);
        return { done: false, elsewhere: true };
      case "REQUEST_ID_REUSED":
        // The same content was released already, with another status: the answer to that was lost.
        sent("already");
        return { done: true };
      default: {
        // A value of the service type that does not fit is for the dialog to show.
        if (problem.problem.errors.some(({ pointer }) => pointer.startsWith("/classification"))) {
          setMissing(problem);
          return { done: false, refusal: problem };
        }
        const found = faultsOfProblem(problem, content);
        setFaults(found);
        setError(problem);
        void queryClient.invalidateQueries({ queryKey: ticketKeys.one(ticket.id), exact: true });
        return Object.keys(found).length > 0 ? { done: false, elsewhere: true } : { done: false };
      }
    }
  }

  async function attempt(content: Content, extra: Extra): Promise<Outcome> {
    try {
      takeIn(queryClient, await post(content, extra));
      sent("now");
      return { done: true };
    } catch (failure) {
      if (failure instanceof ApiProblem) return await refused(failure, content);
      setError(failure);
      return { done: false };
    } finally {
      refetchAround(queryClient, ticket.id);
      void queryClient.invalidateQueries({ queryKey: ticketKeys.messages(ticket.id) });
    }
  }

  async function send(extra: Extra = {}): Promise<Outcome> {
    if (underWay.current || !options) return { done: false };
    const content = contentOf(state.draft, options);
    const found = faultsOf(content);
    if (sendAs.status === "PENDING" && !isUsableUntil(sendAs.awaiting.until, Date.now()))
      found.awaiting = { kind: "past" };
    setFaults(found);
    setError(undefined);
    if (Object.keys(found).length > 0) return { done: false, elsewhere: true };
    if (extra.seenUpTo) state.change({ seenUpTo: extra.seenUpTo });
    underWay.current = true;
    setSending(true);
    setStale(false);
    const outcome = await attempt(content, extra);
    underWay.current = false;
    setSending(false);
    return outcome;
  }

  return {
    send,
    sending,
    faults,
    forget: (place) => setFaults(({ [place]: _, ...others }) => others),
    error,
    stale,
    calm: () => {
      setFaults({});
      setError(undefined);
      setStale(false);
      setMissing(undefined);
    },
    missing,
    dropMissing: () => setMissing(undefined),
  };
}

/** After it is sent: the draft goes, a word comes, and from a closed ticket the way leads back to the queue. */
function useSent(
  ticket: Ticket,
  attendantId: string,
  state: DraftState,
  sendAs: SendAs,
): (when: "now" | "already") => void {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  return (when) => {
    state.clear();
    rememberSendAs(attendantId, sendAs);
    const closed = sendAs.status === "CLOSED" && when === "now";
    if (when === "already") notify("news", t("reply.sentAlready"));
    else notify("done", t(closed ? "reply.sentClosed" : "reply.sent"));
    void queryClient.invalidateQueries({ queryKey: ticketKeys.replyOptions(ticket.id) });
    if (closed) void navigate(queueAddress());
  };
}
