const DAY = 86_400_000;

function startOfDay(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

/** The day of a moment, in the attendant's time zone: a word for the last two, else its date. Empty: no usable moment. */
export function dayLabel(at: string, language: string, words: { today: string; yesterday: string }): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return "";
  const age = Math.round((startOfDay(new Date()) - startOfDay(time)) / DAY);
  if (age === 0) return words.today;
  if (age === 1) return words.yesterday;
  const year = time.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" as const };
  return new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long", ...year }).format(time);
}
