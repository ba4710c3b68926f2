import { useMemo } from "react";
import { useSearchParams } from "react-router";
import type { StatusFilter } from "@/api/types";

/** What the sidebar offers, in its order. */
export const SIDEBAR_STATUSES = [
  "CREATED_OR_OPEN",
  "STARTED",
  "PENDING",
  "ANSWERED",
  "TRANSFERRED",
  "APPROVAL",
  "RESOLVED",
] as const;
export type SidebarStatus = (typeof SIDEBAR_STATUSES)[number] & StatusFilter;

export interface QueueFilter {
  status?: SidebarStatus;
  departmentId?: string;
  levelId?: string;
  mine?: boolean;
}

const isId = (value: string | null): value is string => value !== null && /^[0-9a-f-]{36}$/i.test(value);

export function parseFilter(parameters: URLSearchParams): QueueFilter {
  const status = SIDEBAR_STATUSES.find((known) => known === parameters.get("status"));
  const departmentId = parameters.get("departmentId");
  const levelId = parameters.get("levelId");
  return {
    ...(status && { status }),
    ...(isId(departmentId) && { departmentId }),
    ...(isId(levelId) && { levelId }),
    ...(parameters.get("view") === "mine" && { mine: true }),
  };
}

export function filterSearch(filter: QueueFilter): string {
  const parameters = new URLSearchParams();
  if (filter.mine) parameters.set("view", "mine");
  if (filter.status) parameters.set("status", filter.status);
  if (filter.departmentId) parameters.set("departmentId", filter.departmentId);
  if (filter.levelId) parameters.set("levelId", filter.levelId);
  const text = parameters.toString();
  return text && `?${text}`;
}

/** The filter lives in the address, so that it survives reload, back and sharing. */
export function useQueueFilter(): QueueFilter {
  const [parameters] = useSearchParams();
  return useMemo(() => parseFilter(parameters), [parameters]);
}
