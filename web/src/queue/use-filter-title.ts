import { useTranslation } from "react-i18next";
import type { Counts } from "@/api/types";
import type { QueueFilter } from "./filter";
import { countOf, useCounts } from "./queries";

interface Chip {
  name: string;
  without: QueueFilter;
}

/** The filter in words: a title, the narrowing parts as removable chips, and how many tickets match (undefined: not known). */
export function useFilterTitle(filter: QueueFilter): { title: string; chips: Chip[]; total: number | undefined } {
  const { t } = useTranslation();
  const counts = useCounts().data;
  const { status, departmentId, levelId, mine, ...rest } = filter;
  const department = counts?.departments.find((entry) => entry.department?.id === departmentId);
  const level = department?.levels.find((entry) => entry.level?.id === levelId);
  const everything = mine ? t("queue.myTickets") : t("queue.allTickets");

  const chips: Chip[] = [];
  const kept = { ...rest, ...(status && { status }), ...(mine && { mine }) };
  if (mine && status) chips.push({ name: t("side.mine"), without: { ...filter, mine: false } });
  if (department) chips.push({ name: department.department?.name ?? "", without: kept });
  if (level) chips.push({ name: level.level?.name ?? "", without: { ...kept, ...(departmentId && { departmentId }) } });
  return { title: status ? t(`sideStatus.${status}`) : everything, chips, total: counts && totalOf(counts, filter) };
}

function totalOf(counts: Counts, filter: QueueFilter): number | undefined {
  // The counts are over everything I see; how many of these are mine they do not tell.
  if (filter.mine) return undefined;
  const department = counts.departments.find((entry) => entry.department?.id === filter.departmentId);
  const level = department?.levels.find((entry) => entry.level?.id === filter.levelId);
  const place = filter.levelId ? level : filter.departmentId ? department : counts;
  if (!place) return undefined;
  return filter.status ? countOf(place.statuses, filter.status) : place.total;
}
