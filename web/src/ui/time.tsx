import { Tooltip } from "@mantine/core";
import { useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { elapsedTime, fullTime, relativeTime } from "./format";

/** One clock for all times on the page, so that a thousand rows do not keep a thousand timers. */
const TICK = 20_000;
let now = Date.now();
let timer: number | undefined;
const listeners = new Set<() => void>();

function tick(): void {
  now = Date.now();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    now = Date.now();
    timer = window.setInterval(tick, TICK);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) window.clearInterval(timer);
  };
}

/** Now in epoch ms, as often as it matters on the page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

export function RelativeTime({ at }: { at: string | null }) {
  const { t, i18n } = useTranslation();
  const current = useNow();
  if (at === null) return <>{t("none")}</>;
  return (
    <Tooltip label={fullTime(at, i18n.language)}>
      <time dateTime={at}>{relativeTime(at, current, i18n.language, t("time.now"))}</time>
    </Tooltip>
  );
}

export function ElapsedTime({ since }: { since: string | null }) {
  const { t } = useTranslation();
  const current = useNow();
  return <>{since === null ? t("none") : elapsedTime(since, current, t("time.lessThanMinute"))}</>;
}
