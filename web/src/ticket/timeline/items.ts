import type { Interaction, Message } from "@/api/types";

/** One thing on the time line: a message, or an act between messages. */
export type Item =
  | { type: "message"; id: string; at: string; message: Message; entries: Interaction[] }
  | { type: "entry"; id: string; at: string; entry: Interaction };

const timeOf = (message: Message): string => message.receivedAt ?? message.date ?? message.delivery?.at ?? "";

/** Entries that say no more than the message itself does. */
const SAME_AS_MESSAGE: Interaction["kind"][] = ["MESSAGE_RECEIVED", "REPLIED"];
/** What is worth a line between messages. The mark of a new message comes and goes by itself. */
const TOLD_FIELDS = /^(?!newMessage$|awaitingUntil$)/;

/**
 * Messages and acts in the order they happened. What an act says about a message (sent as, brought back) stands with that
 * message.
 */
export function timelineOf(messages: Message[], history: Interaction[]): Item[] {
  const known = new Map(messages.map((message) => [message.id, [] as Interaction[]]));
  const items: Item[] = messages.map((message) => ({
    type: "message",
    id: message.id,
    at: timeOf(message),
    message,
    entries: known.get(message.id) ?? [],
  }));
  for (const entry of history) {
    const beside = known.get(entry.messageId);
    if (beside && entry.kind !== "CONTINUED") {
      if (!SAME_AS_MESSAGE.includes(entry.kind) || tells(entry)) beside.push(entry);
    } else items.push({ type: "entry", id: entry.id, at: entry.at ?? "", entry });
  }
  return items.sort((one, other) => compare(one, other));
}

function tells(entry: Interaction): boolean {
  return entry.changes.some(({ field }) => TOLD_FIELDS.test(field));
}

/** A message opens its ticket, so at the same moment it stands before the acts it caused. */
function compare(one: Item, other: Item): number {
  const order = Date.parse(one.at) - Date.parse(other.at);
  if (order !== 0 && !Number.isNaN(order)) return order;
  return Number(one.type === "entry") - Number(other.type === "entry");
}

/** The messages that arrived, or were sent by somebody, after the one with this id. Automatic ones are nobody's word. */
export function messagesAfter(messages: Message[], seenUpTo: string): Message[] {
  const seen = messages.findIndex(({ id }) => id === seenUpTo);
  return seen < 0 ? [] : messages.slice(seen + 1).filter(({ automatic }) => automatic === "UNSPECIFIED");
}
