import type { Attachment, Interaction, Message, Reference, Ticket, TicketEvent, TicketStatus } from "../src/api/types";
import { attendantActor, entry, outgoing } from "./conversation.ts";
import { ATTENDANTS, isSupervisor, type StoredTicket, uuid, type Username } from "./data.ts";
import { SERVICE_TYPES } from "./service-types.ts";
import { allowedRules, outcome } from "./table.ts";
import { problem, type World } from "./world.ts";

/** What a request to do something to a ticket may carry, of all verbs together. */
export interface Body {
  status?: TicketStatus;
  thenStatus?: TicketStatus;
  mode?: "FOLLOW" | "RELEASE";
  until?: string | null;
  awaiting?: { mode: "FOLLOW" | "RELEASE"; until?: string | null } | null;
  priority?: Ticket["priority"];
  serviceTypeId?: string;
  data?: Ticket["serviceTypeData"];
  classification?: { serviceTypeId: string; data?: Ticket["serviceTypeData"] } | null;
  seenUpTo?: string;
  text?: string;
  html?: string;
  to?: string[];
  cc?: string[];
  bcc?: string[];
  subject?: string;
  attachmentIds?: string[];
}

function classified(serviceTypeId: string, data: Ticket["serviceTypeData"] = []): Partial<Ticket> {
  const type = SERVICE_TYPES.find(({ id }) => id === serviceTypeId);
  return { serviceType: type ? { id: type.id, name: type.name } : null, serviceTypeData: data };
}

/** Joined to what the ticket has of the same type; an empty value takes a field's away. */
function added(ticket: Ticket, { serviceTypeId, data = [] }: NonNullable<Body["classification"]>): Partial<Ticket> {
  const given = new Set(data.map(({ fieldId }) => fieldId));
  const kept = ticket.serviceType?.id === serviceTypeId ? ticket.serviceTypeData : [];
  const whole = [...kept.filter(({ fieldId }) => !given.has(fieldId)), ...data];
  return classified(
    serviceTypeId,
    whole.filter(({ value }) => value),
  );
}

/** What is said with a verb besides what the table knows of it. */
function told(ticket: Ticket, body: Body): Partial<Ticket> {
  return {
    ...(body.priority && { priority: body.priority }),
    ...(body.serviceTypeId !== undefined && classified(body.serviceTypeId, body.data)),
    ...(body.classification && added(ticket, body.classification)),
  };
}

/** What somebody who sees the ticket may do to it. */
export function allowedVerbs(ticket: Ticket, me: Reference, supervisor: boolean): string[] {
  return [...allowedRules(ticket, me, supervisor).keys()];
}

/** What is pushed is called like the entry in the history: statusSet for STATUS_SET. */
function pushed(kind: Interaction["kind"]): TicketEvent["verb"] {
  return kind.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()) as TicketEvent["verb"];
}

/** Mandatory data that is missing once `part` has happened; in Atendimento every ticket needs a service type. */
function missing(ticket: Ticket, part: Partial<Ticket>): Response | undefined {
  if (part.status !== "CLOSED" || ticket.department?.name !== "Atendimento") return undefined;
  const after = { ...ticket, ...part };
  const type = SERVICE_TYPES.find(({ id }) => id === after.serviceType?.id);
  const given = new Set(after.serviceTypeData.filter(({ value }) => value).map(({ fieldId }) => fieldId));
  const errors = type
    ? type.fields
        .filter(({ id, mandatory }) => mandatory && !given.has(id))
        .map(({ id, name }) => ({ pointer: `/classification/data/${id}`, code: "REQUIRED", detail: name }))
    : [{ pointer: "/classification/serviceTypeId", code: "REQUIRED", detail: "" }];
  return errors.length > 0 ? problem(409, "SERVICE_TYPE_DATA_MISSING", { errors }) : undefined;
}

const FIELDS_TOLD = ["status", "priority", "released"] as const;

function changes(before: Ticket, after: Partial<Ticket>): Interaction["changes"] {
  const told = FIELDS_TOLD.filter((field) => after[field] !== undefined && after[field] !== before[field]).map(
    (field) => ({
      field,
      before: { code: String(before[field]), name: "" },
      after: { code: String(after[field]), name: "" },
    }),
  );
  const type = after.serviceType;
  return type && type.id !== before.serviceType?.id
    ? [...told, { field: "serviceType", before: null, after: { code: type.id, name: type.name } }]
    : told;
}

/** Uploaded files, by id. */
const files = new Map<string, Attachment>();

/** What one does to a ticket; undefined where the route is none of these. */
export async function act(
  world: World,
  username: Username,
  stored: StoredTicket,
  route: string,
  request: Request,
): Promise<Response | undefined> {
  const me = ATTENDANTS[username];
  const verb = route === "/serviceType" ? "setServiceType" : route.startsWith(":") ? route.slice(1) : "";
  if (!verb || request.method === "GET") return undefined;
  const body = (await request.json()) as Body;
  const { ticket } = stored;
  const wanted = request.headers.get("If-Match");
  if (verb === "start" && ticket.holder && ticket.holder.id !== me.id && !ticket.released)
    return problem(409, "TICKET_ALREADY_STARTED", { holder: ticket.holder.name });
  const rule = allowedRules(ticket, me, isSupervisor(username)).get(verb);
  if (!rule) return problem(409, "TRANSITION_NOT_ALLOWED");
  if (wanted && wanted !== `"${ticket.etag}"`) return problem(412, "STALE");
  if (verb === "reply" && body.seenUpTo && body.seenUpTo !== ticket.lastMessageId)
    return problem(409, "SEEN_UP_TO_STALE", { lastMessageId: ticket.lastMessageId });
  const part = { ...outcome(rule, ticket, body, me), ...told(ticket, body) };
  const refusal = missing(ticket, part);
  if (refusal) return refusal;
  const sent = verb === "reply" ? send(world, stored, body, me) : undefined;
  const at = new Date().toISOString();
  const note = entry(rule.kind, at, attendantActor(me), changes(ticket, part), sent?.id);
  world.change(stored, pushed(rule.kind), { ...part, ...(sent && { lastMessageId: sent.id }) }, note);
  return Response.json(world.shown(username, stored));
}

function send(world: World, stored: StoredTicket, body: Body, author: Reference): Message {
  const { text = "", html = "", to = [], cc = [], bcc = [], subject = "" } = body;
  const attached = (body.attachmentIds ?? []).map((id) => files.get(id)).filter((file) => file !== undefined);
  const written = { text, html, to, cc, bcc, author, files: attached, at: new Date().toISOString() };
  const message = outgoing(stored, { ...written, ...(subject && { subject }) }, { state: "QUEUED" });
  stored.messages.push(message);
  world.sent.push(body);
  return message;
}

export function replyOptions(stored: StoredTicket): Response {
  const { sender } = stored.messages[0] ?? {};
  return Response.json({
    accounts: [
      { id: uuid(8, 600_001), address: "atendimento@demo.guiche", name: "Atendimento Aurora" },
      { id: uuid(8, 600_002), address: "trocas@demo.guiche", name: "Trocas e devoluções" },
    ],
    to: sender?.email ? [sender] : [],
    cc: [],
    subject: `Re: ${stored.ticket.subject}`,
    maxAttachmentBytes: String(20 * 1024 * 1024),
  });
}

export async function uploadFile(request: Request): Promise<Response> {
  const bytes = await request.arrayBuffer();
  const file: Attachment = {
    id: uuid(8, 610_000 + files.size),
    fileName: decodeURIComponent(request.headers.get("X-File-Name") ?? ""),
    contentType: request.headers.get("Content-Type") ?? "",
    size: String(bytes.byteLength),
    contentId: "",
    inline: false,
  };
  files.set(file.id, file);
  return Response.json(file);
}

export function resend(world: World, stored: StoredTicket, messageId: string): Response {
  const message = stored.messages.find(({ id }) => id === messageId);
  if (!message?.delivery || !["FAILED", "UNKNOWN"].includes(message.delivery.state))
    return problem(409, "DELIVERY_NOT_ENDED");
  world.deliver(stored.ticket.id, messageId, { state: "QUEUED", detail: "", refused: [] });
  return Response.json(stored.messages.find(({ id }) => id === messageId));
}
