/** The element of a message on the page, if it is there. */
export function cardOf(messageId: string, within: ParentNode = document): HTMLElement | undefined {
  return [...within.querySelectorAll<HTMLElement>("[data-message-id]")].find(
    ({ dataset }) => dataset.messageId === messageId,
  );
}

/** Brings a message into sight and gives it the focus, as a link within the page does. */
export function showMessage(messageId: string): void {
  const card = cardOf(messageId);
  card?.scrollIntoView({ block: "start", behavior: "smooth" });
  card?.focus({ preventScroll: true });
}
