import type { ReactNode } from "react";

/** Web and mail addresses in running text. What follows a sentence (.,;:!?) or closes a bracket is not part of them. */
const ADDRESS = /(https?:\/\/[^\s<>"']+|[\p{L}\d._%+-]+@[\p{L}\d-]+(?:\.[\p{L}\d-]+)+)/giu;
const TRAILING = /[.,;:!?)\]}]+$/;

/** Text with its addresses made into links. Only http, https and mailto ever become one. */
export function linked(text: string): ReactNode[] {
  return text.split(ADDRESS).flatMap((piece, index) => {
    if (index % 2 === 0) return [piece];
    const trailing = TRAILING.exec(piece)?.[0] ?? "";
    const address = piece.slice(0, piece.length - trailing.length);
    const href = address.includes("://") ? address : `mailto:${address}`;
    return [
      <a key={index} href={href} target="_blank" rel="noopener noreferrer">
        {address}
      </a>,
      trailing,
    ];
  });
}
