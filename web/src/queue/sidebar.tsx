import { SegmentedControl, Skeleton } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import type { DepartmentCount, StatusCount } from "@/api/types";
import { statusStyle } from "@/ui/status-style";
import { filterSearch, type QueueFilter, SIDEBAR_STATUSES, type SidebarStatus } from "./filter";
import { countOf, useCounts } from "./queries";
import styles from "./sidebar.module.css";

interface FilterProps {
  filter: QueueFilter;
}

/**
 * Status and departments with their live counts; choosing one narrows the queue, choosing it again widens it. The counts are
 * over everything I see: beside a list of what is mine alone they would promise tickets that are not in it, so there are none.
 */
export function Sidebar({ filter }: FilterProps) {
  const { t } = useTranslation();
  const counts = useCounts();
  const counted = filter.mine ? undefined : counts.data;
  return (
    <>
      <ViewChoice filter={filter} />
      <section className={styles.section}>
        <h2>{t("side.status")}</h2>
        <ul className={styles.list}>
          <li>
            <StatusEntry filter={filter} count={counted?.total} />
          </li>
          {SIDEBAR_STATUSES.map((status) => (
            <li key={status}>
              <StatusEntry filter={filter} status={status} count={counted && countOf(counted.statuses, status)} />
            </li>
          ))}
        </ul>
      </section>
      <section className={styles.section}>
        <h2>{t("side.departments")}</h2>
        {counts.isPending && <Skeleton height={30} mx={10} my={4} w="auto" />}
        {counts.isError && !counts.data && <p className={styles.note}>{t("side.countsFailed")}</p>}
        {counts.data?.departments.length === 0 && <p className={styles.note}>{t("side.noDepartments")}</p>}
        <ul className={styles.list}>
          {counts.data?.departments.map((entry) => (
            <Department key={entry.department?.id} entry={entry} filter={filter} />
          ))}
        </ul>
      </section>
    </>
  );
}

function ViewChoice({ filter }: FilterProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <SegmentedControl
      className={styles.views ?? ""}
      fullWidth
      size="sm"
      aria-label={t("side.view")}
      value={filter.mine ? "mine" : "queue"}
      onChange={(value) =>
        void navigate({ pathname: "/", search: filterSearch({ ...filter, mine: value === "mine" }) })
      }
      data={[
        { value: "queue", label: t("side.queue") },
        { value: "mine", label: t("side.mine") },
      ]}
    />
  );
}

function StatusEntry({ filter, status, count }: FilterProps & { status?: SidebarStatus; count: number | undefined }) {
  const { t } = useTranslation();
  const { status: current, ...others } = filter;
  const chosen = status === current;
  const target = status && !chosen ? { ...others, status } : others;
  return (
    <Link
      className={styles.entry}
      to={{ pathname: "/", search: filterSearch(target) }}
      aria-current={chosen || undefined}
      data-testid={`status-${status ?? "ALL"}`}
    >
      <span
        className={status ? styles.dot : `${styles.dot} ${styles.allDot}`}
        style={status && statusStyle(status)}
        aria-hidden
      />
      <span className={styles.name}>{status ? t(`sideStatus.${status}`) : t("side.all")}</span>
      <Count count={count} />
    </Link>
  );
}

function Count({ count }: { count: number | undefined }) {
  return (
    <span className={styles.count} data-zero={!count || undefined} data-testid="count">
      {count ?? ""}
    </span>
  );
}

function Department({ entry, filter }: FilterProps & { entry: DepartmentCount }) {
  const { t } = useTranslation();
  const id = entry.department?.id ?? "";
  const name = entry.department?.name || t("unknownName");
  const { departmentId, levelId, ...others } = filter;
  const [expanded, setExpanded] = useState(departmentId === id);
  const chosen = departmentId === id && levelId === undefined;
  return (
    <li>
      <div className={styles.department}>
        <button
          type="button"
          className={styles.toggle}
          aria-expanded={expanded}
          aria-label={t("side.levelsOf", { name })}
          onClick={() => setExpanded(!expanded)}
          data-testid={`levels-of-${id}`}
        >
          <IconChevronRight size={15} aria-hidden />
        </button>
        <Link
          className={styles.entry}
          to={{ pathname: "/", search: filterSearch(chosen ? others : { ...others, departmentId: id }) }}
          aria-current={chosen || undefined}
          data-testid={`department-${id}`}
        >
          <span className={styles.name}>{name}</span>
          <Count count={filter.mine ? undefined : entry.total} />
        </Link>
      </div>
      {!filter.mine && <Split statuses={entry.statuses} />}
      {expanded && (
        <ul className={styles.levels}>
          {entry.levels.map((level) => {
            const levelChosen = levelId === level.level?.id;
            const target = {
              ...others,
              departmentId: id,
              ...(level.level && !levelChosen && { levelId: level.level.id }),
            };
            return (
              <li key={level.level?.id}>
                <Link
                  className={styles.entry}
                  to={{ pathname: "/", search: filterSearch(target) }}
                  aria-current={levelChosen || undefined}
                  data-testid={`level-${level.level?.id ?? ""}`}
                >
                  <span className={styles.name}>{level.level?.name || t("unknownName")}</span>
                  <Count count={filter.mine ? undefined : level.total} />
                </Link>
                {!filter.mine && <Split statuses={level.statuses} />}
              </li>
            );
          })}
        </ul>
      )}
    </li>
  );
}

/** "4 abertos, 5 iniciados": how a place's tickets divide over the statuses. */
function Split({ statuses }: { statuses: StatusCount[] }) {
  const { t } = useTranslation();
  const parts = SIDEBAR_STATUSES.map((status) => ({ status, count: countOf(statuses, status) })).filter(
    ({ count }) => count > 0,
  );
  if (parts.length === 0) return null;
  return (
    <div className={styles.split}>
      {parts.map(({ status, count }) => (
        <span key={status} style={statusStyle(status)} title={t(`sideStatus.${status}`)}>
          <i aria-hidden />
          {count}
          <span className="visually-hidden">{t(`sideStatus.${status}`)}</span>
        </span>
      ))}
    </div>
  );
}
