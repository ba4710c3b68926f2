import type { ApiProblem } from "@/api/problem";
import type { ReplyOptions, ReplyRequest } from "@/api/types";
import { isAddress, MOST_ADDRESSES } from "./addresses";
import { type Draft, hasText } from "./draft";
import { toPlainText } from "./to-plain-text";

type Sent = "accountId" | "to" | "cc" | "bcc" | "subject" | "text" | "html" | "attachmentIds";
/** What the customer gets; how the ticket stands afterwards is not part of it. */
export type Content = Required<Pick<ReplyRequest, Sent>>;

/** The draft with the server's suggestions where nobody touched them: what is shown is what is sent. */
export function contentOf(draft: Draft, options: ReplyOptions): Content {
  return {
    accountId: draft.accountId || (options.accounts[0]?.id ?? ""),
    to: draft.to ?? options.to.map(({ email }) => email),
    cc: draft.cc ?? options.cc.map(({ email }) => email),
    bcc: draft.bcc,
    subject: (draft.subject ?? options.subject).trim(),
    text: toPlainText(draft.html),
    html: mailHtml(draft.html),
    attachmentIds: draft.files.map(({ id }) => id),
  };
}

/** The editor ends with an empty line to click on; and an empty paragraph, a blank line to the writer, has no height in mail. */
function mailHtml(html: string): string {
  return html.replace(/(<p><\/p>)+$/, "").replaceAll("<p></p>", "<p><br></p>");
}

export type Place = "to" | "cc" | "bcc" | "subject" | "html" | "accountId" | "attachmentIds" | "awaiting";
export type Faults = Partial<Record<Place, Fault>>;
/** Why a part of the reply cannot be sent; the words are the page's. */
export type Fault =
  | { kind: "badAddress"; addresses: string[] }
  | { kind: "noRecipient" | "tooMany" | "empty" | "emptyButFiles" | "past" }
  | { kind: "code"; code: string };

/** What can be known to be refused without asking. */
export function faultsOf({ to, cc, bcc, html, attachmentIds }: Content): Faults {
  const faults: Faults = {};
  for (const [place, addresses] of Object.entries({ to, cc, bcc })) {
    const bad = addresses.filter((address) => !isAddress(address));
    if (bad.length > 0) faults[place as Place] = { kind: "badAddress", addresses: bad };
    else if (addresses.length > MOST_ADDRESSES) faults[place as Place] = { kind: "tooMany" };
  }
  if (to.length === 0) faults.to = { kind: "noRecipient" };
  if (!hasText(html)) faults.html = { kind: attachmentIds.length > 0 ? "emptyButFiles" : "empty" };
  return faults;
}

const PLACE_OF_CODE: Record<string, Place> = {
  NO_RECIPIENT: "to",
  ACCOUNT_NOT_ALLOWED: "accountId",
  ATTACHMENT_NOT_FOUND: "attachmentIds",
  ATTACHMENT_TOO_LARGE: "attachmentIds",
  MESSAGE_TOO_LARGE: "attachmentIds",
  AWAIT_UNTIL_INVALID: "awaiting",
};
const PLACES: Record<string, Place> = {
  to: "to",
  cc: "cc",
  bcc: "bcc",
  subject: "subject",
  text: "html",
  html: "html",
  accountId: "accountId",
  attachmentIds: "attachmentIds",
  awaiting: "awaiting",
};

/** A refusal, field by field; empty where it is about none of them. */
export function faultsOfProblem({ problem }: ApiProblem, content: Content): Faults {
  const faults: Faults = {};
  for (const { pointer } of problem.errors) {
    const [, name = "", index] = pointer.split("/");
    const place = PLACES[name];
    if (!place) continue;
    const address = place === "to" || place === "cc" || place === "bcc" ? content[place][Number(index)] : undefined;
    faults[place] =
      address !== undefined && index !== undefined
        ? { kind: "badAddress", addresses: [address] }
        : { kind: "code", code: problem.code };
  }
  const place = PLACE_OF_CODE[problem.code];
  if (place && Object.keys(faults).length === 0) faults[place] = { kind: "code", code: problem.code };
  return faults;
}
