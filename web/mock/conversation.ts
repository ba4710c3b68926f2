import type { Attachment, Delivery, Interaction, Message, Reference } from "../src/api/types";
import { ATTENDANTS, attachments, INCOMING, type StoredTicket, uuid } from "./data.ts";

const MAILBOX = { name: "Atendimento Aurora", email: "atendimento@demo.guiche" };
let serial = 0;

const nextId = (kind: number): string => uuid(kind, 500_000 + ++serial);

interface Written {
  text: string;
  html?: string;
  at: string;
  author?: Reference;
  cc?: string[];
  bcc?: string[];
  to?: string[];
  subject?: string;
  files?: Attachment[];
}

export function outgoing(stored: StoredTicket, written: Written, delivery: Partial<Delivery> = {}): Message {
  const { ticket } = stored;
  const customer = stored.messages[0]?.sender ?? { name: "", email: "cliente@exemplo.com.br" };
  const boxes = (emails: string[] = []) => emails.map((email) => ({ name: "", email }));
  return {
    ...INCOMING,
    id: nextId(9),
    direction: "OUT",
    sender: MAILBOX,
    to: written.to ? boxes(written.to) : [customer],
    cc: boxes(written.cc),
    bcc: boxes(written.bcc),
    subject: written.subject ?? `Re: ${ticket.subject}`,
    text: written.text,
    newText: written.text,
    html: written.html ?? "",
    attachments: written.files ?? [],
    receivedAt: written.at,
    date: written.at,
    warnings: [],
    author: written.author ?? null,
    delivery: { state: "SENT", at: written.at, detail: "", refused: [], ...delivery },
  };
}

export function incoming(stored: StoredTicket, written: Written, more: Partial<Message> = {}): Message {
  const first = stored.messages[0];
  return {
    ...INCOMING,
    id: nextId(9),
    direction: "IN",
    sender: first?.sender ?? null,
    to: [MAILBOX],
    cc: [],
    subject: `Re: ${stored.ticket.subject}`,
    text: written.text,
    newText: written.text,
    html: written.html ?? "",
    attachments: written.files ?? [],
    receivedAt: written.at,
    date: written.at,
    warnings: [],
    joinedBy: "REPLY_ADDRESS",
    ...more,
  };
}

export function acknowledgement(stored: StoredTicket, at: string): Message {
  const { protocol } = stored.ticket;
  const text = `Olá! Recebemos a sua mensagem.\n\nO seu protocolo é ${protocol}. Em breve um atendente responde.`;
  return {
    ...outgoing(stored, { text, at, subject: `[${protocol}] Recebemos a sua mensagem` }),
    automatic: "ACKNOWLEDGEMENT",
  };
}

const status = (before: string, after: string): Interaction["changes"][number] => ({
  field: "status",
  before: { code: before, name: "" },
  after: { code: after, name: "" },
});

export function entry(
  kind: Interaction["kind"],
  at: string,
  actor: Interaction["actor"],
  changes: Interaction["changes"] = [],
  messageId = "",
): Interaction {
  return { id: nextId(0), kind, counted: true, at, actor, changes, messageId };
}

export const attendantActor = (who: Reference): Interaction["actor"] => ({ kind: "ATTENDANT", ...who });

/** A conversation with all there is: both directions, machines, every state of delivery, quoted history. */
export function continueConversation(stored: StoredTicket, number: number): void {
  const start = Date.parse(stored.ticket.openedAt ?? "");
  const after = (minutes: number): string => new Date(start + minutes * 60_000).toISOString();
  const ana = attendantActor(ATTENDANTS.ana);
  const customer = stored.ticket.openedBy;
  const files = attachments(number);
  const first = outgoing(stored, {
    text: "Bom dia, Marina!\n\nSinto muito pelo transtorno. Pode nos enviar uma foto da etiqueta da caixa?",
    html: "<p>Bom dia, Marina!</p><p>Sinto muito pelo transtorno. Pode nos enviar uma <strong>foto da etiqueta</strong> da caixa? Com ela abrimos a troca:</p><ul><li>número do pedido</li><li>código de barras</li></ul>",
    at: after(30),
    author: ATTENDANTS.ana,
    cc: ["logistica@demo.guiche"],
    bcc: ["qualidade@demo.guiche"],
    files: files.slice(1, 2),
  });
  const quote =
    '<p>Segue a foto. O código é 7898.</p><div data-quoted=""><p>Em 20 de nov. de 2026, Atendimento Aurora escreveu:</p><blockquote>Bom dia, Marina! Sinto muito pelo transtorno.</blockquote></div>';
  const answer = incoming(
    stored,
    {
      text: "Segue a foto. O código é 7898.\n\nEm 20 de nov. de 2026, Atendimento Aurora escreveu:\n> Bom dia, Marina!\n> Sinto muito pelo transtorno.",
      html: quote,
      at: after(190),
      files: files.slice(2, 3),
    },
    { newText: "Segue a foto. O código é 7898." },
  );
  const away = incoming(
    stored,
    { text: "Estou fora do escritório até segunda-feira.", at: after(31) },
    { automatic: "AUTO_SUBMITTED", joinedBy: "SIGNED_MESSAGE_ID" },
  );
  const failed = outgoing(
    stored,
    { text: "Marina, a troca foi aprovada. A nova caixa sai amanhã.", at: after(240), author: ATTENDANTS.ana },
    {
      state: "FAILED",
      at: after(241),
      detail: "550 5.1.1 <marina@exemplo.com.br>: Recipient address rejected: User unknown",
    },
  );
  const bounce = incoming(
    stored,
    { text: "Delivery to the following recipient failed permanently: marina@exemplo.com.br", at: after(241) },
    { automatic: "BOUNCE", sender: { name: "Mail Delivery System", email: "mailer-daemon@exemplo.com.br" } },
  );
  const unknown = outgoing(
    stored,
    { text: "Marina, confirmando: a troca sai amanhã.", at: after(260), author: ATTENDANTS.ana },
    {
      state: "UNKNOWN",
      at: after(261),
      refused: [{ email: "gerencia@exemplo.com.br", detail: "452 4.2.2 Mailbox full" }],
    },
  );
  const byProtocol = incoming(stored, { text: "Obrigada! Fico no aguardo.", at: after(300) }, { joinedBy: "PROTOCOL" });
  stored.messages.push(acknowledgement(stored, after(1)), first, away, answer, failed, bounce, unknown, byProtocol);
  stored.history.push(
    entry("REPLIED", after(30), ana, [status("STARTED", "PENDING")], first.id),
    entry("MESSAGE_RECEIVED", after(190), customer, [status("PENDING", "ANSWERED")], answer.id),
    entry("STARTED", after(200), ana, [status("ANSWERED", "STARTED")]),
    entry("PRIORITY_SET", after(205), ana, [
      { field: "priority", before: { code: "MEDIUM", name: "" }, after: { code: "HIGH", name: "" } },
    ]),
    entry("REPLIED", after(240), ana, [status("STARTED", "RESOLVED")], failed.id),
    entry(
      "DELIVERY_FAILED",
      after(241),
      { kind: "SYSTEM", id: "", name: "" },
      [status("RESOLVED", "STARTED")],
      failed.id,
    ),
  );
  stored.ticket.lastMessageId = byProtocol.id;
  stored.ticket.newMessage = true;
  stored.ticket.priority = "HIGH";
  stored.ticket.links = [{ kind: "PREVIOUS", ticketId: uuid(6, 3), protocol: "20261102093312045" }];
}
