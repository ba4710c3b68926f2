import { filterSearch, parseFilter } from "./filter";

const STORED = "guiche.queue.search";

/** Remembers the queue's filter in this tab, so that leaving a ticket leads back to the queue one came from. */
export function rememberQueue(search: string): void {
  sessionStorage.setItem(STORED, search);
}

export function queueAddress(): { pathname: string; search: string } {
  const stored = new URLSearchParams(sessionStorage.getItem(STORED) ?? "");
  return { pathname: "/", search: filterSearch(parseFilter(stored)) };
}
