import { useMediaQuery } from "@mantine/hooks";

/** Below this width (as in the style sheets) the sidebar becomes a drawer, rows become cards and facts fold away. */
export function useNarrow(): boolean {
  // Known from the first render on, so that a phone does not see the desktop's page flash by.
  return useMediaQuery("(max-width: 61.9em)", undefined, { getInitialValueInEffect: false });
}
