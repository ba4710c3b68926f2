import type { Attachment, Await, SettableStatus } from "@/api/types";

/** A file that is on the server already and waits for the reply to name it. */
export interface UploadedFile {
  id: string;
  name: string;
  size: number;
  type: string;
  /** When it was uploaded, epoch ms: the server forgets it after a day. */
  at: number;
}

/** What an attendant is writing. Null recipients: those the server suggests, for as long as nobody touches them. */
export interface Draft {
  html: string;
  accountId: string;
  to: string[] | null;
  cc: string[] | null;
  bcc: string[];
  subject: string | null;
  files: UploadedFile[];
  /** The newest message when the writing began, or when the writer said it was read. */
  seenUpTo: string;
  /** The request under which this very content was sent last; a retry of it must not be another. */
  sent?: { content: string; requestId: string };
}

export const EMPTY: Draft = {
  html: "",
  accountId: "",
  to: null,
  cc: null,
  bcc: [],
  subject: null,
  files: [],
  seenUpTo: "",
};

/** Half an hour less than the server's day, so that a file does not vanish while one presses "send". */
const FILES_LIVE = 23.5 * 3_600_000;

const key = (attendantId: string, ticketId: string): string => `guiche.draft.${attendantId}.${ticketId}`;

/** What was being written on this ticket; null: nothing. Of whoever is signed in, since browsers are shared. */
export function storedDraft(attendantId: string, ticketId: string): Draft | null {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(key(attendantId, ticketId)) ?? "null");
    if (typeof stored !== "object" || stored === null) return null;
    const draft = { ...EMPTY, ...stored };
    return { ...draft, files: draft.files.filter(({ at }) => Date.now() - at < FILES_LIVE) };
  } catch {
    return null;
  }
}

/** Kept until it is sent or discarded. A browser that keeps nothing (full, or told not to) must not stop the writing. */
export function storeDraft(attendantId: string, ticketId: string, draft: Draft | null): void {
  try {
    if (draft && isWorthKeeping(draft)) localStorage.setItem(key(attendantId, ticketId), JSON.stringify(draft));
    else localStorage.removeItem(key(attendantId, ticketId));
  } catch {
    // Nothing to be done; the text stays on the page.
  }
}

export function hasText(html: string): boolean {
  return html.replace(/<[^>]*>|&nbsp;/g, "").trim() !== "";
}

export function isWorthKeeping(draft: Draft): boolean {
  return hasText(draft.html) || draft.files.length > 0;
}

export function uploadedFile(attachment: Attachment): UploadedFile {
  const { id, fileName, size, contentType } = attachment;
  return { id, name: fileName, size: Number(size), type: contentType, at: Date.now() };
}

const STATUSES: SettableStatus[] = ["OPEN", "PENDING", "RESOLVED", "CLOSED"];
const sendAsKey = (attendantId: string): string => `guiche.sendAs.${attendantId}`;

export interface SendAs {
  status: SettableStatus;
  awaiting: Await;
}

/** As this attendant sent last; most replies ask something, so pending at first. Closing is chosen anew each time. */
export function lastSendAs(attendantId: string): SendAs {
  const [status, mode] = storedSendAs(attendantId).split(" ");
  return {
    status: STATUSES.find((known) => known === status) ?? "PENDING",
    awaiting: { mode: mode === "RELEASE" ? "RELEASE" : "FOLLOW", until: null },
  };
}

function storedSendAs(attendantId: string): string {
  try {
    return localStorage.getItem(sendAsKey(attendantId)) ?? "";
  } catch {
    return "";
  }
}

export function rememberSendAs(attendantId: string, { status, awaiting }: SendAs): void {
  if (status === "CLOSED") return;
  try {
    localStorage.setItem(sendAsKey(attendantId), `${status} ${awaiting.mode}`);
  } catch {
    // Then it is chosen anew.
  }
}
