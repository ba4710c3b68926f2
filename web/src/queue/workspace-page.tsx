import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAdjustmentsHorizontal, IconX } from "@tabler/icons-react";
import { useEffect } from "react";
import { Trans, useTranslation } from "react-i18next";
import { Link, useLocation } from "react-router";
import { useNarrow } from "@/ui/layout";
import { SideDrawer } from "@/ui/side-drawer";
import { useTitle } from "@/ui/use-title";
import { filterSearch, type QueueFilter, useQueueFilter } from "./filter";
import { countOf, useCounts } from "./queries";
import { rememberQueue } from "./queue-address";
import { QueueList } from "./queue-list";
import { Sidebar } from "./sidebar";
import { useFilterTitle } from "./use-filter-title";
import styles from "./workspace.module.css";

export function WorkspacePage() {
  const { t } = useTranslation();
  const narrow = useNarrow();
  const filter = useQueueFilter();
  const counts = useCounts().data;
  const open = counts ? countOf(counts.statuses, "CREATED_OR_OPEN") : 0;
  const search = filterSearch(filter);
  useEffect(() => rememberQueue(search), [search]);
  useTitle(open > 0 ? `(${open}) ${t("queue.title")}` : t("queue.title"));
  return (
    <div className={styles.workspace}>
      {!narrow && (
        <nav className={styles.side} aria-label={t("side.title")}>
          <Sidebar filter={filter} />
        </nav>
      )}
      <main id="content" className={styles.main} tabIndex={-1}>
        <QueueHead filter={filter} narrow={narrow} />
        <QueueList filter={filter} narrow={narrow} />
      </main>
    </div>
  );
}

function QueueHead({ filter, narrow }: { filter: QueueFilter; narrow: boolean }) {
  const { t } = useTranslation();
  const { title, chips, total } = useFilterTitle(filter);
  return (
    <div className={styles.head}>
      <h1>{title}</h1>
      {total !== undefined && <span className={`${styles.total} tabular`}>{t("queue.count", { count: total })}</span>}
      {narrow && <FiltersDrawer filter={filter} />}
      <div className={styles.chips}>
        {chips.map(({ name, without }) => (
          <Link
            key={name}
            className={styles.chip}
            to={{ pathname: "/", search: filterSearch(without) }}
            aria-label={t("queue.removeFilter", { name })}
            style={{ textDecoration: "none" }}
          >
            {name} <IconX size={13} aria-hidden />
          </Link>
        ))}
      </div>
      <span className={styles.keys}>
        <Trans t={t} i18nKey="queue.keys" components={{ 1: <kbd /> }} />
      </span>
    </div>
  );
}

function FiltersDrawer({ filter }: { filter: QueueFilter }) {
  const { t } = useTranslation();
  const [opened, drawer] = useDisclosure(false);
  const { search } = useLocation();
  const { close } = drawer;
  // A choice has been made: show what it gives.
  useEffect(() => close(), [search, close]);
  return (
    <>
      <Button
        className={styles.filtersButton ?? ""}
        variant="default"
        size="sm"
        leftSection={<IconAdjustmentsHorizontal size={17} aria-hidden />}
        onClick={drawer.open}
        data-testid="open-filters"
      >
        {t("side.open")}
      </Button>
      <SideDrawer opened={opened} close={close} position="left" title={t("side.title")}>
        <nav aria-label={t("side.title")}>
          <Sidebar filter={filter} />
        </nav>
      </SideDrawer>
    </>
  );
}
