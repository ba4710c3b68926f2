import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconChevronDown, IconCopy } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Actor, Ticket } from "@/api/types";
import { useMe } from "@/session/session";
import { Initials, PriorityMark, StatusBadge } from "@/ui/badges";
import { absoluteTime, fullTime } from "@/ui/format";
import { ElapsedTime } from "@/ui/time";
import styles from "./ticket.module.css";

/** The ticket's facts; beside the message, or folded above it where there is no room. */
export function FactsPanel({ ticket, narrow = false }: { ticket: Ticket; narrow?: boolean }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  if (!narrow) {
    return (
      <aside className={styles.facts} aria-label={t("ticket.facts")}>
        <h2>{t("ticket.facts")}</h2>
        <Facts ticket={ticket} />
      </aside>
    );
  }
  return (
    <aside className={styles.facts} aria-label={t("ticket.facts")}>
      <button
        type="button"
        className={styles.factsToggle}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        data-testid="facts-toggle"
      >
        <span className={styles.summary}>
          {t("ticket.facts")} <PriorityMark priority={ticket.priority} />
        </span>
        <IconChevronDown size={18} aria-hidden />
      </button>
      <div className={styles.factsBody} hidden={!open}>
        <Facts ticket={ticket} />
      </div>
    </aside>
  );
}

/** In the order attendants know: occurrence, level, protocol, interactions, holder, priority, opening, elapsed time, status. */
function Facts({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation();
  return (
    <dl>
      <Fact name={t("ticket.occurredAt")}>
        <Moment at={ticket.occurredAt} />
        <small>{t(`platform.${ticket.platform}`)}</small>
      </Fact>
      <Fact name={t("ticket.level")}>
        {ticket.level?.name || t("none")}
        <small>{ticket.department?.name}</small>
      </Fact>
      <Fact name={t("ticket.protocol")}>
        <Protocol protocol={ticket.protocol} />
      </Fact>
      <Fact name={t("ticket.interactions")}>{ticket.interactions}</Fact>
      <Fact name={t("ticket.holder")}>
        <Holder ticket={ticket} />
      </Fact>
      <Fact name={t("ticket.priority")}>
        <PriorityMark priority={ticket.priority} />
      </Fact>
      <Fact name={t("ticket.opened")}>
        <Moment at={ticket.openedAt} />
        {ticket.openedBy && <OpenedBy actor={ticket.openedBy} />}
      </Fact>
      <Fact name={t("ticket.elapsed")}>
        <ElapsedTime since={ticket.openedAt} />
      </Fact>
      <Fact name={t("ticket.status")}>
        <StatusBadge status={ticket.status} testId="ticket-status" />
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd className="tabular">{children}</dd>
    </div>
  );
}

function Moment({ at }: { at: string | null }) {
  const { t, i18n } = useTranslation();
  if (at === null) return <>{t("none")}</>;
  return (
    <time dateTime={at} title={fullTime(at, i18n.language)}>
      {absoluteTime(at, i18n.language)}
    </time>
  );
}

function OpenedBy({ actor }: { actor: Actor }) {
  const { t } = useTranslation();
  const kind = t(`actor.${actor.kind}`);
  return <small>{t("ticket.openedBy", { name: actor.name ? `${actor.name} (${kind})` : kind })}</small>;
}

function Protocol({ protocol }: { protocol: string }) {
  const { t } = useTranslation();
  return (
    <span className={styles.protocol}>
      <span data-testid="ticket-protocol">{protocol}</span>
      <CopyButton value={protocol} timeout={1800}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? t("copied") : t("ticket.copyProtocol")}>
            <ActionIcon
              variant="subtle"
              size="sm"
              color={copied ? "teal" : "gray"}
              onClick={copy}
              aria-label={copied ? t("copied") : t("ticket.copyProtocol")}
            >
              {copied ? <IconCheck size={15} aria-hidden /> : <IconCopy size={15} aria-hidden />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </span>
  );
}

function Holder({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation();
  const myId = useMe().data?.attendant?.id;
  const { holder } = ticket;
  if (!holder) {
    return (
      <span className={styles.muted} data-testid="ticket-holder">
        {t("queue.noHolder")}
      </span>
    );
  }
  return (
    <span className={styles.person}>
      <Initials name={holder.name} me={holder.id === myId} />
      <span data-testid="ticket-holder">{holder.name}</span>
    </span>
  );
}
