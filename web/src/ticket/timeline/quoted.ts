/** Text in pieces: what was written, and the history quoted within or below it. */
export interface Piece {
  quoted: boolean;
  text: string;
}

/**
 * Divides a text into what is new and what is quoted, by the server's own reading of it (newText). Lines of newText are
 * looked for in their order; whatever stands between them is quoted. Where it does not fit, nothing is folded.
 */
export function piecesOf(text: string, newText: string): Piece[] {
  const whole = [{ quoted: false, text }];
  if (newText.trim() === "" || newText.trim() === text.trim()) return whole;
  const wanted = lines(newText).filter((line) => line.trim() !== "");
  const pieces: Piece[] = [];
  let next = 0;
  for (const line of lines(text)) {
    const isNew = next < wanted.length && line.trim() === wanted[next]?.trim();
    if (isNew) next += 1;
    const last = pieces.at(-1);
    // An empty line belongs to what stands before it.
    const quoted = line.trim() === "" ? (last?.quoted ?? false) : !isNew;
    if (last?.quoted === quoted) last.text += `\n${line}`;
    else pieces.push({ quoted, text: line });
  }
  return next === wanted.length ? pieces : whole;
}

const lines = (text: string): string[] => text.replaceAll("\r\n", "\n").split("\n");
