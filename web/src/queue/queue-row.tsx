import { Tooltip } from "@mantine/core";
import { IconArrowsExchange2, IconClockHour4, IconExternalLink, IconLockOpen } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Ticket } from "@/api/types";
import { Initials, PlatformIcon, PriorityMark, StatusBadge } from "@/ui/badges";
import { absoluteTime, shortDay } from "@/ui/format";
import { RelativeTime } from "@/ui/time";
import styles from "./queue-list.module.css";

export interface RowProps {
  ticket: Ticket;
  /** My own id: what I hold is marked. */
  myId: string;
  tabIndex: number;
  onFocus: () => void;
}

function useRowLink({ ticket, tabIndex, onFocus }: RowProps) {
  return {
    to: `/tickets/${ticket.id}`,
    tabIndex,
    onFocus,
    "data-testid": "queue-row",
    "data-ticket-id": ticket.id,
    "data-protocol": ticket.protocol,
  };
}

export function QueueRow(props: RowProps) {
  const { ticket, myId } = props;
  const { t } = useTranslation();
  const link = useRowLink(props);
  return (
    <>
      <Link className={styles.row} {...link}>
        <PlatformIcon platform={ticket.platform} />
        <span className={styles.cell}>
          <span className={`${styles.line} ${styles.strong}`}>
            {ticket.publisher?.name || t("queue.unknownPublisher")}
          </span>
          <span className={`${styles.line} ${styles.protocol}`}>{ticket.protocol}</span>
        </span>
        <span className={styles.cell}>
          <span className={styles.marked}>
            <span className={`${styles.line} ${styles.subject}`}>{ticket.subject || t("queue.noSubject")}</span>
            <NewMessage ticket={ticket} />
          </span>
          <span className={`${styles.line} ${styles.quiet}`}>{ticket.snippet || t("queue.noSnippet")}</span>
        </span>
        <span className={`${styles.cell} ${styles.stack}`}>
          <StatusBadge status={ticket.status} />
          <span className={styles.marked}>
            <PriorityMark priority={ticket.priority} />
            <AwaitedUntil ticket={ticket} />
          </span>
        </span>
        <span className={`${styles.cell} ${styles.place}`}>
          <span className={styles.line}>{ticket.department?.name}</span>
          <span className={`${styles.line} ${styles.quiet}`}>{ticket.level?.name}</span>
        </span>
        <Holder ticket={ticket} myId={myId} />
        <span className={`${styles.cell} ${styles.end}`}>
          <span className={styles.line}>
            <RelativeTime at={ticket.lastActivityAt} />
          </span>
          <Interactions count={ticket.interactions} />
        </span>
      </Link>
      <NewTabLink ticket={ticket} tabIndex={props.tabIndex} />
    </>
  );
}

/** Beside the row and not within it: a link cannot hold another. */
function NewTabLink({ ticket, tabIndex }: { ticket: Ticket; tabIndex: number }) {
  const { t } = useTranslation();
  return (
    <Tooltip label={t("ticket.openInNewTab")}>
      <Link
        className={styles.newTab}
        to={`/tickets/${ticket.id}`}
        target="_blank"
        tabIndex={tabIndex}
        aria-label={`${t("ticket.openInNewTab")}: ${ticket.subject || ticket.protocol}`}
      >
        <IconExternalLink size={16} stroke={1.7} aria-hidden />
      </Link>
    </Tooltip>
  );
}

export function QueueCard(props: RowProps) {
  const { ticket, myId } = props;
  const { t } = useTranslation();
  const link = useRowLink(props);
  return (
    <Link className={styles.card} {...link}>
      <PlatformIcon platform={ticket.platform} />
      <span className={`${styles.line} ${styles.strong}`}>{ticket.publisher?.name || t("queue.unknownPublisher")}</span>
      <span className={styles.end}>
        <RelativeTime at={ticket.lastActivityAt} />
      </span>
      <span className={styles.marked}>
        <span className={`${styles.line} ${styles.subject}`}>{ticket.subject || t("queue.noSubject")}</span>
        <NewMessage ticket={ticket} />
      </span>
      <span className={`${styles.line} ${styles.quiet}`}>{ticket.snippet || t("queue.noSnippet")}</span>
      <span className={`${styles.line} ${styles.protocol}`}>
        {[ticket.protocol, ticket.department?.name, ticket.level?.name].filter(Boolean).join(" · ")}
      </span>
      <span className={styles.cardFoot}>
        <StatusBadge status={ticket.status} />
        <PriorityMark priority={ticket.priority} />
        <AwaitedUntil ticket={ticket} />
        {ticket.holder && (
          <>
            <Initials name={ticket.holder.name} me={ticket.holder.id === myId} />
            <span className="visually-hidden">
              {t("ticket.holder")}: {ticket.holder.name}
            </span>
            <ReleasedMark ticket={ticket} />
          </>
        )}
        <Interactions count={ticket.interactions} />
      </span>
    </Link>
  );
}

function Holder({ ticket, myId }: { ticket: Ticket; myId: string }) {
  const { t } = useTranslation();
  const { holder } = ticket;
  if (!holder) {
    return (
      <span className={styles.holder} data-none>
        <span className={styles.line}>{t("queue.noHolder")}</span>
      </span>
    );
  }
  const mine = holder.id === myId;
  return (
    <span className={styles.holder}>
      <Initials name={holder.name} me={mine} />
      <span className={styles.line}>{mine ? t("queue.you") : holder.name}</span>
      <ReleasedMark ticket={ticket} />
    </span>
  );
}

/** The customer wrote, and nobody has acted on it since. */
function NewMessage({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation();
  if (!ticket.newMessage) return null;
  return (
    <span className={styles.newMessage} data-testid="new-message">
      {t("fact.newMessage")}
    </span>
  );
}

function ReleasedMark({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation();
  if (!ticket.released) return null;
  return (
    <Tooltip label={t("fact.released")}>
      <span className={styles.released} role="img" aria-label={t("fact.released")} data-testid="released">
        <IconLockOpen size={15} stroke={1.8} aria-hidden />
      </span>
    </Tooltip>
  );
}

/** Until when an answer is awaited: the day, as the hour matters only on the ticket's page. */
function AwaitedUntil({ ticket }: { ticket: Ticket }) {
  const { t, i18n } = useTranslation();
  const until = ticket.awaiting?.until;
  if (!until) return null;
  const label = t("fact.awaitingUntil", { time: absoluteTime(until, i18n.language) });
  return (
    <Tooltip label={label}>
      <span className={styles.until} data-testid="awaited-until">
        <IconClockHour4 size={13} stroke={1.9} aria-hidden />
        <span aria-hidden>{shortDay(until, i18n.language)}</span>
        <span className="visually-hidden">{label}</span>
      </span>
    </Tooltip>
  );
}

function Interactions({ count }: { count: number }) {
  const { t } = useTranslation();
  const label = t("queue.interactions", { count });
  return (
    <Tooltip label={label}>
      <span className={styles.interactions}>
        <IconArrowsExchange2 size={14} stroke={1.7} aria-hidden />
        <span aria-hidden>{count}</span>
        <span className="visually-hidden">{label}</span>
      </span>
    </Tooltip>
  );
}
