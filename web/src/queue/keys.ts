/** Names of the cached answers about tickets; a prefix invalidates everything below it. */
export const ticketKeys = {
  lists: ["tickets", "list"] as const,
  list: (filter: object) => ["tickets", "list", filter] as const,
  counts: ["tickets", "counts"] as const,
  ones: ["tickets", "one"] as const,
  one: (id: string) => ["tickets", "one", id] as const,
  history: (id: string) => ["tickets", "one", id, "history"] as const,
  messages: (id: string) => ["tickets", "messages", id] as const,
};
