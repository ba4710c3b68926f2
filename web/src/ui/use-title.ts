import { useEffect } from "react";

/** The tab's title: what the page shows first, since attendants keep many tabs. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Guichê` : "Guichê";
  }, [title]);
}
