import { Menu } from "@mantine/core";
import { IconCheck, IconChevronDown } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { SettableStatus, Ticket } from "@/api/types";
import { PriorityMark, StatusBadge } from "@/ui/badges";
import { useAct } from "./act";
import { AwaitDialog } from "./await-dialog";
import { ClosingDialog } from "./closing-dialog";
import styles from "./verbs.module.css";

const STATUSES: SettableStatus[] = ["OPEN", "PENDING", "RESOLVED", "CLOSED"];
const PRIORITIES = ["HIGH", "MEDIUM_HIGH", "MEDIUM", "MEDIUM_LOW", "LOW"] as const;

/** The status, changed where it stands if it may be. */
export function StatusMenu({ ticket, large = false, testId }: { ticket: Ticket; large?: boolean; testId?: string }) {
  const { t } = useTranslation();
  const { act, pending } = useAct(ticket);
  const [asked, setAsked] = useState<SettableStatus>();
  const close = (): void => setAsked(undefined);
  const badge = <StatusBadge status={ticket.status} large={large} {...(testId && { testId })} />;
  if (!ticket.allowedVerbs.includes("setStatus")) return badge;

  /** Waiting needs a decision, and nobody takes a closing back: both are asked first, as through their other doors. */
  function choose(status: SettableStatus): void {
    if (status === "PENDING" || status === "CLOSED") setAsked(status);
    else void act({ verb: "setStatus", status });
  }

  return (
    <>
      <BadgeMenu label={t("verb.changeStatus")} badge={badge} testId="status-menu" busy={pending}>
        {STATUSES.filter((status) => status !== ticket.status).map((status) => (
          <Menu.Item key={status} onClick={() => choose(status)} data-testid={`set-status-${status}`}>
            <StatusBadge status={status} />
          </Menu.Item>
        ))}
      </BadgeMenu>
      <AwaitDialog ticket={ticket} verb="setStatus" opened={asked === "PENDING"} close={close} />
      <ClosingDialog
        ticket={ticket}
        door="setStatus"
        opened={asked === "CLOSED"}
        close={close}
        submit={(classification) =>
          act({ verb: "setStatus", status: "CLOSED", ...(classification && { classification }) })
        }
      />
    </>
  );
}

export function PriorityMenu({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation();
  const { act, pending } = useAct(ticket);
  const badge = <PriorityMark priority={ticket.priority} />;
  if (!ticket.allowedVerbs.includes("setPriority")) return badge;
  return (
    <BadgeMenu label={t("verb.changePriority")} badge={badge} testId="priority-menu" busy={pending}>
      {PRIORITIES.map((priority) => (
        <Menu.Item
          key={priority}
          rightSection={priority === ticket.priority && <IconCheck size={15} aria-hidden />}
          aria-current={priority === ticket.priority}
          onClick={() => void (priority !== ticket.priority && act({ verb: "setPriority", priority }))}
          data-testid={`set-priority-${priority}`}
        >
          <PriorityMark priority={priority} />
        </Menu.Item>
      ))}
    </BadgeMenu>
  );
}

interface BadgeMenuProps {
  label: string;
  badge: ReactNode;
  testId: string;
  busy: boolean;
  children: ReactNode;
}

function BadgeMenu({ label, badge, testId, busy, children }: BadgeMenuProps) {
  return (
    <Menu position="bottom-start" width={210} shadow="md">
      <Menu.Target>
        <button type="button" className={styles.badge} title={label} disabled={busy} data-testid={testId}>
          <span className="visually-hidden">{label}: </span>
          {badge}
          <IconChevronDown size={14} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>{children}</Menu.Dropdown>
    </Menu>
  );
}
