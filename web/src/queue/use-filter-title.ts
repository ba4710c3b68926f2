import { useTranslation } from "react-i18next";
import type { Counts } from "@/api/types";
import type { QueueFilter } from "./filter";
import { countOf, useCounts, useTickets } from "./queries";

interface Chip {
  name: string;
  without: QueueFilter;
}

/** The filter in words: a title, the narrowing parts as removable chips, and how many tickets match (undefined: not known). */
export function useFilterTitle(filter: QueueFilter): { title: string; chips: Chip[]; total: number | undefined } {
  const { t } = useTranslation();
  const counts = useCounts().data;
  const listed = useListed(filter);
  const { status, departmentId, levelId, mine, ...rest } = filter;
  const department = counts?.departments.find((entry) => entry.department?.id === departmentId);
  const level = department?.levels.find((entry) => entry.level?.id === levelId);
  const everything = mine ? t("queue.myTickets") : t("queue.allTickets");

  const chips: Chip[] = [];
  const kept = { ...rest, ...(status && { status }), ...(mine && { mine }) };
  if (mine && status) chips.push({ name: t("side.mine"), without: { ...filter, mine: false } });
  if (department) chips.push({ name: department.department?.name ?? "", without: kept });
  if (level) chips.push({ name: level.level?.name ?? "", without: { ...kept, ...(departmentId && { departmentId }) } });
  // The counts are over everything I see; how many of these are mine only the list itself tells.
  const total = mine ? listed : counts && totalOf(counts, filter);
  return { title: status ? t(`sideStatus.${status}`) : everything, chips, total };
}

/** How many tickets the list has, once it is read to its end. */
function useListed(filter: QueueFilter): number | undefined {
  const { data, hasNextPage } = useTickets(filter);
  if (!data || hasNextPage) return undefined;
  return new Set(data.pages.flatMap((page) => page.tickets.map(({ id }) => id))).size;
}

function totalOf(counts: Counts, filter: QueueFilter): number | undefined {
  const department = counts.departments.find((entry) => entry.department?.id === filter.departmentId);
  const level = department?.levels.find((entry) => entry.level?.id === filter.levelId);
  const place = filter.levelId ? level : filter.departmentId ? department : counts;
  if (!place) return undefined;
  return filter.status ? countOf(place.statuses, filter.status) : place.total;
}
