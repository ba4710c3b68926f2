import { useTranslation } from "react-i18next";
import type { Ticket } from "@/api/types";
import { useMe } from "@/session/session";

/** Why this ticket cannot be answered by me now; empty: it can. */
export function useNoReplyReason(ticket: Ticket): string {
  const { t } = useTranslation();
  const myId = useMe().data?.attendant?.id;
  if (ticket.allowedVerbs.includes("reply")) return "";
  if (ticket.status === "CLOSED") return t("reply.closed");
  if (ticket.status === "APPROVAL") return t("reply.approvalWaits");
  if (ticket.holder && ticket.holder.id !== myId) return t("reply.heldBy", { name: ticket.holder.name });
  return t("reply.notAllowed");
}
