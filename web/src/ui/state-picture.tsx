import type { ReactNode } from "react";

export type Picture = "calm" | "filtered" | "missing" | "forbidden" | "broken" | "gone";

/** What stands inside the service window: the same arch, a different scene. */
const SCENES: Record<Picture, ReactNode> = {
  calm: (
    <>
      <path d="M46 62c0-8 5-13 12-13s12 5 12 13" />
      <path d="M54 62v-3M58 62v-4M62 62v-3" />
      <circle cx="74" cy="36" r="5" fill="var(--amber)" stroke="none" />
    </>
  ),
  filtered: <path d="M44 40h28l-10.500 12v11l-7-4v-7z" />,
  missing: (
    <>
      <circle cx="56" cy="47" r="9" />
      <path d="m63 54 8 8" />
      <circle cx="56" cy="47" r="2.500" fill="var(--amber)" stroke="none" />
    </>
  ),
  forbidden: (
    <>
      <rect x="46" y="47" width="24" height="17" rx="3" />
      <path d="M51 47v-4a7 7 0 0 1 14 0v4" />
      <circle cx="58" cy="55" r="2.500" fill="var(--amber)" stroke="none" />
    </>
  ),
  broken: (
    <>
      <path d="M42 42h32M42 52h12m6 0h14M42 62h20" />
      <circle cx="57" cy="52" r="2.500" fill="var(--amber)" stroke="none" />
    </>
  ),
  gone: (
    <>
      <path d="M44 54h24m-8-8 8 8-8 8" />
      <circle cx="78" cy="54" r="3" fill="var(--amber)" stroke="none" />
    </>
  ),
};

export function StatePicture({ picture }: { picture: Picture }) {
  return (
    <svg
      width="116"
      height="92"
      viewBox="0 0 116 92"
      fill="none"
      stroke="currentColor"
      strokeWidth="2.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden
    >
      <path d="M30 74V42a28 28 0 0 1 56 0v32" opacity="0.55" />
      <path d="M12 80h92" opacity="0.55" />
      {SCENES[picture]}
    </svg>
  );
}
