import { Button, Loader, Skeleton } from "@mantine/core";
import { IconArrowUp } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Ticket } from "@/api/types";
import { useMe } from "@/session/session";
import { Failed, State } from "@/ui/states";
import { filterSearch, type QueueFilter } from "./filter";
import { useTickets } from "./queries";
import styles from "./queue-list.module.css";
import { QueueCard, QueueRow } from "./queue-row";
import { useFresh } from "./use-fresh";
import { useListKeys } from "./use-list-keys";
import { useSteadyScroll } from "./use-steady-scroll";

const ROW_HEIGHT = 66;
const CARD_HEIGHT = 136;

/** Where each queue was left, so that coming back from a ticket finds it as it was. */
const offsets = new Map<string, number>();

interface ListProps {
  filter: QueueFilter;
  narrow: boolean;
}

export function QueueList({ filter, narrow }: ListProps) {
  const { t } = useTranslation();
  const list = useTickets(filter);
  // A ticket that moved up between two pages comes with both.
  const tickets = useMemo(() => {
    const all = list.data?.pages.flatMap((page) => page.tickets);
    return all && [...new Map(all.map((ticket) => [ticket.id, ticket])).values()];
  }, [list.data]);

  if (list.isPending) return <Loading />;
  if (!tickets) return <Failed title={t("queue.failedTitle")} error={list.error} retry={() => void list.refetch()} />;
  return (
    <div className={styles.frame}>
      {narrow ? <span /> : <ColumnHeads />}
      <Rows key={filterSearch(filter)} scope={filterSearch(filter)} tickets={tickets} narrow={narrow} list={list} />
    </div>
  );
}

function ColumnHeads() {
  const { t } = useTranslation();
  return (
    <div className={styles.columns} aria-hidden>
      <span>{t("queue.columnPublisher")}</span>
      <span>{t("queue.columnSubject")}</span>
      <span>{t("queue.columnStatus")}</span>
      <span className={styles.place}>{t("queue.columnPlace")}</span>
      <span>{t("queue.columnHolder")}</span>
      <span>{t("queue.columnActivity")}</span>
    </div>
  );
}

interface RowsProps {
  scope: string;
  tickets: Ticket[];
  narrow: boolean;
  list: ReturnType<typeof useTickets>;
}

function Rows({ scope, tickets, narrow, list }: RowsProps) {
  const { t } = useTranslation();
  const myId = useMe().data?.attendant?.id ?? "";
  const height = narrow ? CARD_HEIGHT : ROW_HEIGHT;
  const fresh = useFresh(scope, tickets);
  const { scroll, missed } = useSteadyScroll(tickets, height);
  const virtual = useVirtualizer({
    count: tickets.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => height,
    getItemKey: (index) => tickets[index]?.id ?? index,
    overscan: 8,
    initialOffset: () => offsets.get(scope) ?? 0,
  });
  const items = virtual.getVirtualItems();
  const { active, setActive } = useListKeys(tickets, scroll, (index) => virtual.scrollToIndex(index));

  // The height belongs to the layout: a turned phone must not keep the old one.
  useEffect(() => virtual.measure(), [virtual, height]);

  const lastShown = items.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = list;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError && lastShown >= tickets.length - 10)
      void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage, lastShown, tickets.length]);

  const Row = narrow ? QueueCard : QueueRow;
  return (
    <>
      <div
        className={styles.scroll}
        ref={scroll}
        onScroll={(event) => void offsets.set(scope, event.currentTarget.scrollTop)}
      >
        <Announcement latest={fresh.latest} />
        {tickets.length === 0 && <Empty filtered={scope !== ""} />}
        <ul className={styles.list} style={{ height: virtual.getTotalSize() }} aria-label={t("queue.listLabel")}>
          {items.map((item) => {
            const ticket = tickets[item.index];
            if (!ticket) return null;
            return (
              <li
                key={item.key}
                className={styles.slot}
                style={{ height, transform: `translateY(${item.start}px)` }}
                aria-setsize={hasNextPage ? -1 : tickets.length}
                aria-posinset={item.index + 1}
                data-fresh={fresh.ids.has(ticket.id) || undefined}
              >
                <Row
                  ticket={ticket}
                  myId={myId}
                  tabIndex={item.index === active ? 0 : -1}
                  onFocus={() => setActive(ticket.id)}
                />
              </li>
            );
          })}
        </ul>
        <Foot list={list} empty={tickets.length === 0} />
      </div>
      {missed > 0 && (
        <button
          type="button"
          className={styles.freshPill}
          onClick={() => scroll.current?.scrollTo({ top: 0, behavior: "smooth" })}
        >
          <IconArrowUp size={15} aria-hidden /> {t("queue.fresh", { count: missed })}
        </button>
      )}
    </>
  );
}

function Announcement({ latest }: { latest: Ticket[] }) {
  const { t } = useTranslation();
  const only = latest.length === 1 ? latest[0] : undefined;
  const text = only
    ? t("queue.announceOne", {
        publisher: only.publisher?.name || t("queue.unknownPublisher"),
        subject: only.subject || t("queue.noSubject"),
      })
    : latest.length > 1 && t("queue.fresh", { count: latest.length });
  return (
    <div className="visually-hidden" aria-live="polite" data-testid="announcement">
      {text}
    </div>
  );
}

function Empty({ filtered }: { filtered: boolean }) {
  const { t } = useTranslation();
  const me = useMe().data;
  if (me?.departments.length === 0)
    return <State picture="forbidden" title={t("queue.outsideTitle")} text={t("queue.outsideText")} />;
  if (!filtered) return <State picture="calm" title={t("queue.emptyTitle")} text={t("queue.emptyText")} />;
  return (
    <State
      picture="filtered"
      title={t("queue.emptyFilterTitle")}
      text={t("queue.emptyFilterText")}
      actions={
        <Button component={Link} to="/" variant="default">
          {t("queue.clearFilter")}
        </Button>
      }
    />
  );
}

function Foot({ list, empty }: { list: ReturnType<typeof useTickets>; empty: boolean }) {
  const { t } = useTranslation();
  if (list.isFetchNextPageError) {
    return (
      <div className={styles.foot} role="alert">
        {t("queue.loadMoreFailed")}
        <Button variant="default" size="xs" onClick={() => void list.fetchNextPage()}>
          {t("tryAgain")}
        </Button>
      </div>
    );
  }
  if (list.hasNextPage) {
    return (
      <div className={styles.foot} role="status">
        <Loader size="sm" aria-hidden /> {t("queue.loadingMore")}
      </div>
    );
  }
  return empty ? null : <div className={styles.foot}>{t("queue.end")}</div>;
}

function Loading() {
  const { t } = useTranslation();
  return (
    <div role="status" aria-label={t("loading")} className={styles.scroll}>
      {Array.from({ length: 9 }, (_, index) => (
        <div key={index} className={styles.skeletonRow}>
          <Skeleton height={30} radius={9} />
          <Skeleton height={14} />
          <Skeleton height={14} width={`${70 - (index % 4) * 11}%`} />
          <Skeleton height={20} radius="xl" />
          <Skeleton height={14} />
          <Skeleton height={14} />
        </div>
      ))}
    </div>
  );
}
