import type { Attachment, Interaction, Message, Reference, Ticket, TicketEvent, TicketStatus } from "../src/api/types";
import { attendantActor, entry, outgoing } from "./conversation.ts";
import { ATTENDANTS, type StoredTicket, uuid, type Username } from "./data.ts";
import { SERVICE_TYPES } from "./service-types.ts";
import { problem, type World } from "./world.ts";

/** What a request to do something to a ticket may carry, of all verbs together. */
interface Body {
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

type Act = (ticket: Ticket, body: Body, me: Reference) => Partial<Ticket>;

const waiting = (wait: Body["awaiting"]): Partial<Ticket> => ({
  status: "PENDING",
  released: wait?.mode === "RELEASE",
  awaiting: { customer: true, until: wait?.until ?? null },
});
const closed: Partial<Ticket> = { status: "CLOSED", released: false, awaiting: null, newMessage: false };

const ACTS: Record<string, { kind: Interaction["kind"]; event: TicketEvent["verb"]; act: Act }> = {
  start: {
    kind: "STARTED",
    event: "started",
    act: (_ticket, _body, me) => ({ status: "STARTED", holder: me, released: false, newMessage: false }),
  },
  awaitReply: {
    kind: "AWAITED",
    event: "awaited",
    act: (_ticket, { mode = "FOLLOW", until = null }) => waiting({ mode, until }),
  },
  release: { kind: "RELEASED", event: "released", act: () => ({ released: true }) },
  follow: { kind: "FOLLOWED", event: "followed", act: () => ({ released: false }) },
  reopen: { kind: "REOPENED", event: "reopened", act: () => ({ status: "OPEN" }) },
  setPriority: {
    kind: "PRIORITY_SET",
    event: "prioritySet",
    act: ({ priority }, body) => ({ priority: body.priority ?? priority }),
  },
  setServiceType: {
    kind: "SERVICE_TYPE_SET",
    event: "serviceTypeSet",
    act: (_ticket, body) => classified(body.serviceTypeId ?? "", body.data),
  },
  setStatus: { kind: "STATUS_SET", event: "statusSet", act: (ticket, body) => become(ticket, body.status, body) },
  conclude: { kind: "CONCLUDED", event: "concluded", act: (ticket, body) => become(ticket, "CLOSED", body) },
  finalize: { kind: "FINALIZED", event: "finalized", act: (ticket, body) => become(ticket, "CLOSED", body) },
  reply: {
    kind: "REPLIED",
    event: "replied",
    act: (ticket, body, me) => ({
      holder: me,
      released: false,
      newMessage: false,
      ...become(ticket, body.thenStatus, body),
    }),
  },
};

function become(ticket: Ticket, status: TicketStatus | undefined, { awaiting, classification }: Body): Partial<Ticket> {
  const data = classification ? added(ticket, classification) : {};
  if (status === "PENDING") return { ...data, ...waiting(awaiting) };
  return { ...data, ...(status === "CLOSED" ? closed : { status: status ?? "OPEN", awaiting: null }) };
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

/** As the table of the ticket service, for what these pages need of it. */
export function allowedVerbs({ status, holder, released }: Ticket, me: Reference, supervisor: boolean): string[] {
  if (status === "CLOSED") return [];
  const mine = holder?.id === me.id;
  const mayStart =
    !supervisor && ((!["STARTED", "RESOLVED"].includes(status) && (mine || !holder)) || (released && !mine));
  const verbs: [string, boolean][] = [
    ["start", mayStart],
    ["reply", mine || mayStart],
    ["awaitReply", mine && ["OPEN", "STARTED", "ANSWERED"].includes(status)],
    ["release", (mine || supervisor) && holder !== null && !released],
    ["follow", (mine || supervisor) && released],
    ["setStatus", mine || supervisor],
    ["setPriority", mine || supervisor || mayStart],
    ["setServiceType", mine || supervisor || mayStart],
    ["conclude", (mine || supervisor) && holder !== null],
    ["finalize", mine || supervisor || mayStart],
    ["reopen", (mine || supervisor) && status === "RESOLVED"],
  ];
  return verbs.filter(([, allowed]) => allowed).map(([verb]) => verb);
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
  const row = ACTS[verb];
  if (!row || request.method === "GET") return undefined;
  const body = (await request.json()) as Body;
  const { ticket } = stored;
  const wanted = request.headers.get("If-Match");
  if (verb === "start" && ticket.holder && ticket.holder.id !== me.id && !ticket.released)
    return problem(409, "TICKET_ALREADY_STARTED", { holder: ticket.holder.name });
  if (!world.shown(username, stored).allowedVerbs.includes(verb)) return problem(409, "TRANSITION_NOT_ALLOWED");
  if (wanted && wanted !== `"${ticket.etag}"`) return problem(412, "STALE");
  if (verb === "reply" && body.seenUpTo && body.seenUpTo !== ticket.lastMessageId)
    return problem(409, "SEEN_UP_TO_STALE", { lastMessageId: ticket.lastMessageId });
  const part = row.act(ticket, body, me);
  const refusal = missing(ticket, part);
  if (refusal) return refusal;
  const sent = verb === "reply" ? send(world, stored, body, me) : undefined;
  const at = new Date().toISOString();
  const note = entry(row.kind, at, attendantActor(me), changes(ticket, part), sent?.id);
  world.change(stored, row.event, { ...part, ...(sent && { lastMessageId: sent.id }) }, note);
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
