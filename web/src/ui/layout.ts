/** Below this width the sidebar becomes a drawer, rows become cards and facts fold away. */
export const NARROW = "(max-width: 61.9em)";
