/** A service window: the arch, the counter, and somebody behind it. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden focusable="false">
      <path d="M8 22v-7a8 8 0 0 1 16 0v7" stroke="currentColor" strokeWidth="2.6" strokeLinecap="round" />
      <path d="M4.5 25h23" stroke="currentColor" strokeWidth="2.6" strokeLinecap="round" />
      <circle cx="16" cy="16.8" r="2.8" fill="var(--amber)" />
    </svg>
  );
}
