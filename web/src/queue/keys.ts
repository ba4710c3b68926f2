/** Names of the cached answers about tickets; a prefix invalidates everything below it. */
export const ticketKeys = {
  lists: ["tickets", "list"] as const,
  list: (filter: object) => ["tickets", "list", filter] as const,
  counts: ["tickets", "counts"] as const,
  ones: ["tickets", "one"] as const,
  one: (id: string) => ["tickets", "one", id] as const,
  history: (id: string) => ["tickets", "one", id, "history"] as const,
  messages: (id: string) => ["tickets", "one", id, "messages"] as const,
  /** How a ticket left my view, as the push told; see usePush. */
  left: (id: string) => ["tickets", "left", id] as const,
  // Not below "one": what may be answered with does not change with every event.
  replyOptions: (id: string) => ["tickets", "replyOptions", id] as const,
  serviceTypes: (departmentId: string) => ["serviceTypes", departmentId] as const,
};
