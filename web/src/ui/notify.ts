import { notifications } from "@mantine/notifications";
import { i18next } from "@/i18n";

const COLOURS = { done: "teal", news: "petrol", refused: "orange", failed: "red" };

/** A short word at the page's edge, read out by screen readers; refusals stay long enough to be read twice. */
export function notify(kind: keyof typeof COLOURS, message: string): void {
  const autoClose = kind === "done" || kind === "news" ? 4_000 : 8_000;
  notifications.show({
    message,
    color: COLOURS[kind],
    autoClose,
    closeButtonProps: { "aria-label": i18next.t("close") },
  });
}
