/** When a wait may end, as offered. */
export type UntilPreset = "never" | "tomorrow" | "days" | "week" | "custom";

const MORNING = 9;
const DAYS: Partial<Record<UntilPreset, number>> = { tomorrow: 1, days: 3, week: 7 };

/** The end of a preset in UTC: that day at nine in the attendant's own time zone; null where there is none. */
export function untilOf(preset: UntilPreset, now: Date): string | null {
  const days = DAYS[preset];
  if (days === undefined) return null;
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, MORNING).toISOString();
}

/** For an input of type datetime-local, which knows no time zone: "2026-11-21T09:00" in the attendant's own. */
export function localInput(at: string | null | undefined): string {
  if (!at) return "";
  const time = new Date(at);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const YEAR = 365 * 86_400_000;

/** As the server judges it: in the future, at most a year. */
export function isUsableUntil(until: string | null | undefined, now: number): boolean {
  if (!until) return true;
  const at = Date.parse(until);
  return at > now && at <= now + YEAR;
}
