import type { CSSProperties } from "react";
import type { TicketStatus } from "@/api/types";
import type { SidebarStatus } from "@/queue/filter";

/** Each status has one family of colours; created and open share theirs, as they share an entry in the sidebar. */
const FAMILY: Record<TicketStatus | SidebarStatus, string> = {
  UNSPECIFIED: "closed",
  CREATED: "open",
  OPEN: "open",
  CREATED_OR_OPEN: "open",
  STARTED: "started",
  PENDING: "pending",
  ANSWERED: "answered",
  TRANSFERRED: "transferred",
  APPROVAL: "approval",
  RESOLVED: "resolved",
  CLOSED: "closed",
};

export function statusStyle(status: TicketStatus | SidebarStatus): CSSProperties {
  const family = `--status-${FAMILY[status]}`;
  return {
    "--badge-ink": `var(${family})`,
    "--badge-soft": `var(${family}-soft)`,
    "--badge-dot": `var(${family}-dot)`,
  } as CSSProperties;
}
