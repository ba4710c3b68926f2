import { Skeleton } from "@mantine/core";
import { type RefObject, useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Message, Ticket } from "@/api/types";
import { useHistory, useMessages } from "@/ticket/queries";
import { Failed, RetryButton } from "@/ui/states";
import { dayLabel } from "./day";
import { CompactEntry } from "./entry";
import { type Item, timelineOf } from "./items";
import { MessageCard } from "./message-card";
import styles from "./timeline.module.css";
import { useNewestInSight } from "./use-newest-in-sight";

interface TimelineProps {
  ticket: Ticket;
  /** What scrolls. */
  scroll: RefObject<HTMLElement | null>;
}

/** What was said and done, oldest first; it opens at what is newest. */
export function Timeline({ ticket, scroll }: TimelineProps) {
  const { t } = useTranslation();
  const messages = useMessages(ticket.id);
  const history = useHistory(ticket.id);
  const items = useMemo(() => timelineOf(messages.data ?? [], history.data ?? []), [messages.data, history.data]);
  const complete = messages.data !== undefined && !messages.hasNextPage;
  const newest = complete ? newestOf(messages.data) : undefined;
  useNewestInSight(scroll, newest);

  if (messages.isPending) return <LoadingTimeline />;
  if (!messages.data)
    return <Failed title={t("message.failed")} error={messages.error} retry={() => void messages.refetch()} />;
  return (
    <>
      {messages.data.length === 0 && <p className={styles.empty}>{t("message.none")}</p>}
      <ol className={styles.list} aria-label={t("timeline.label")} data-testid="timeline">
        {items.map((item, index) => (
          <TimelineRow key={item.id} item={item} before={items[index - 1]} ticket={ticket} />
        ))}
      </ol>
      {messages.isFetchNextPageError && (
        <div role="alert" className={styles.more}>
          {t("message.moreFailed")} <RetryButton retry={() => void messages.fetchNextPage()} />
        </div>
      )}
    </>
  );
}

/** The newest by a person. Undefined where it is the first of all: then the page is right at its beginning. */
function newestOf(messages: Message[]): string | undefined {
  const newest = messages.findLast(({ automatic }) => automatic === "UNSPECIFIED");
  return newest === messages[0] ? undefined : newest?.id;
}

function TimelineRow({ item, before, ticket }: { item: Item; before: Item | undefined; ticket: Ticket }) {
  const { t, i18n } = useTranslation();
  const words = { today: t("timeline.today"), yesterday: t("timeline.yesterday") };
  const day = dayLabel(item.at, i18n.language, words);
  const dayBefore = before && dayLabel(before.at, i18n.language, words);
  return (
    <>
      {day && day !== dayBefore && (
        <li className={styles.day}>
          <span>{day}</span>
        </li>
      )}
      {item.type === "entry" ? (
        <li className={styles.slim}>
          <CompactEntry entry={item.entry} />
        </li>
      ) : (
        <li className={styles.item}>
          <MessageCard ticketId={ticket.id} message={item.message} mayResend={ticket.allowedVerbs.includes("reply")} />
          {item.entries.map((entry) => (
            <CompactEntry key={entry.id} entry={entry} />
          ))}
        </li>
      )}
    </>
  );
}

function LoadingTimeline() {
  const { t } = useTranslation();
  return (
    <div role="status" aria-label={t("loading")} className={styles.loading}>
      {[150, 90, 210].map((height) => (
        <Skeleton key={height} height={height} radius={12} />
      ))}
    </div>
  );
}
