/** Times arrive as RFC 3339 UTC and are shown in the attendant's own time zone. */
export function absoluteTime(at: string, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "short" }).format(new Date(at));
}

/** "25/11" */
export function shortDay(at: string, language: string): string {
  return new Intl.DateTimeFormat(language, { day: "2-digit", month: "2-digit" }).format(new Date(at));
}

/** "14:05", for what stands below its date. */
export function timeOfDay(at: string, language: string): string {
  return new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(new Date(at));
}

export function fullTime(at: string, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "medium" }).format(new Date(at));
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "há 5 min"; `now` in epoch ms. Less than half a minute, or a clock that runs ahead, is `justNow`. */
export function relativeTime(at: string, now: number, language: string, justNow: string): string {
  const age = now - Date.parse(at);
  const ago = (value: number, unit: Intl.RelativeTimeFormatUnit): string =>
    new Intl.RelativeTimeFormat(language, { style: "short", numeric: "always" }).format(-value, unit);
  if (age < MINUTE / 2) return justNow;
  if (age < HOUR) return ago(Math.max(1, Math.round(age / MINUTE)), "minute");
  if (age < DAY) return ago(Math.round(age / HOUR), "hour");
  if (age < 7 * DAY) return ago(Math.round(age / DAY), "day");
  return new Intl.DateTimeFormat(language, { day: "2-digit", month: "2-digit", year: "2-digit" }).format(new Date(at));
}

/** "3 d 4 h", "2 h 10 min", "8 min": the two largest units say enough. */
export function elapsedTime(since: string, now: number, lessThanMinute: string): string {
  const minutes = Math.floor((now - Date.parse(since)) / MINUTE);
  if (minutes < 1) return lessThanMinute;
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return rest > 0 ? `${hours} h ${rest} min` : `${hours} h`;
  return `${rest} min`;
}

/** "em 3 dias", "em 20 min": how long until a moment to come. */
export function timeLeft(at: string, now: number, language: string): string {
  const left = Math.max(0, Date.parse(at) - now);
  const format = new Intl.RelativeTimeFormat(language, { style: "short", numeric: "always" });
  if (left < HOUR) return format.format(Math.max(1, Math.round(left / MINUTE)), "minute");
  if (left < 2 * DAY) return format.format(Math.round(left / HOUR), "hour");
  return format.format(Math.round(left / DAY), "day");
}

/** Bytes in decimal units, as file managers of today show them. */
export function fileSize(bytes: number, language: string): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const step = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  const unit = units[step] ?? "byte";
  const digits = step > 1 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: digits }).format(
    bytes / 1000 ** step,
  );
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const [first = "", last = ""] = [words[0], words.length > 1 ? words.at(-1) : ""];
  return `${Array.from(first)[0] ?? ""}${Array.from(last)[0] ?? ""}`.toLocaleUpperCase("pt-BR") || "?";
}
