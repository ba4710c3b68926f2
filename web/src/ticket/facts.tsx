import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { IconArrowBackUp, IconArrowForwardUp, IconCheck, IconChevronDown, IconCopy } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Actor, Awaiting, Ticket, TicketLink } from "@/api/types";
import { useMe } from "@/session/session";
import { Initials, PriorityMark } from "@/ui/badges";
import { absoluteTime, fullTime, timeLeft } from "@/ui/format";
import { ElapsedTime, useNow } from "@/ui/time";
import { ServiceTypeFacts } from "./service-type-facts";
import styles from "./ticket.module.css";
import { PriorityMenu, StatusMenu } from "./verbs/badge-menus";

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
        <PriorityMenu ticket={ticket} />
      </Fact>
      <Fact name={t("ticket.opened")}>
        <Moment at={ticket.openedAt} />
        {ticket.openedBy && <OpenedBy actor={ticket.openedBy} />}
      </Fact>
      <Fact name={t("ticket.elapsed")}>
        <ElapsedTime since={ticket.openedAt} />
      </Fact>
      <Fact name={t("ticket.status")}>
        <StatusMenu ticket={ticket} testId="ticket-status" />
      </Fact>
      {ticket.awaiting && (
        <Fact name={t("fact.awaiting")}>
          <AwaitingFact awaiting={ticket.awaiting} />
        </Fact>
      )}
      <ServiceTypeFacts ticket={ticket} />
      {ticket.links.length > 0 && (
        <Fact name={t("fact.links")}>
          {ticket.links.map((link) => (
            <LinkedTicket key={link.protocol} link={link} />
          ))}
        </Fact>
      )}
    </dl>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
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
      <span>
        <span data-testid="ticket-holder">{holder.name}</span>
        {ticket.released && <small data-testid="ticket-released">{t("fact.released")}</small>}
      </span>
    </span>
  );
}

/** What is awaited, until when, and how long that still is. */
function AwaitingFact({ awaiting }: { awaiting: Awaiting }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const { until } = awaiting;
  return (
    <span data-testid="ticket-awaiting">
      {awaiting.customer ? t("fact.awaitingCustomer") : t("none")}
      {until === null ? (
        <small>{t("fact.noEnd")}</small>
      ) : (
        <small title={fullTime(until, i18n.language)}>
          {t("fact.awaitingUntil", { time: absoluteTime(until, i18n.language) })} ·{" "}
          {Date.parse(until) > now ? timeLeft(until, now, i18n.language) : t("fact.overdue")}
        </small>
      )}
    </span>
  );
}

function LinkedTicket({ link }: { link: TicketLink }) {
  const { t } = useTranslation();
  const next = link.kind === "NEXT";
  const Icon = next ? IconArrowForwardUp : IconArrowBackUp;
  const content = (
    <>
      <Icon size={16} stroke={1.8} aria-hidden />
      {t(next ? "fact.NEXT" : "fact.PREVIOUS", { protocol: link.protocol })}
    </>
  );
  const testId = `link-${link.kind}`;
  // Without an id it is a ticket the reader may not see.
  if (!link.ticketId)
    return (
      <span className={styles.linked} data-testid={testId}>
        {content}
      </span>
    );
  return (
    <Link className={styles.linked} to={`/tickets/${link.ticketId}`} data-testid={testId}>
      {content}
    </Link>
  );
}
