import type {
  Counts,
  Delivery,
  Interaction,
  Problem,
  StatusCount,
  Ticket,
  TicketEvent,
  TicketStatus,
} from "../src/api/types";
import { act, allowedVerbs, replyOptions, resend, uploadFile } from "./acts.ts";
import { continueConversation, entry, incoming } from "./conversation.ts";
import {
  ATTENDANTS,
  isSupervisor,
  levelsOf,
  LEVELS,
  makeTicket,
  meOf,
  type Seed,
  startedEntry,
  type StoredTicket,
  type Username,
} from "./data.ts";
import { LOGO_PNG } from "./mails.ts";
import { SERVICE_TYPES } from "./service-types.ts";

/** What a browser's cookie jar holds of one session. */
export interface Jar {
  access?: string | undefined;
  refresh?: string | undefined;
}

type Push = { name: "ticket"; data: TicketEvent } | { name: "counts" | "resync"; data: object };
type Listener = (push: Push) => void;

const PAGE = 50;

/** The gateway as the web application sees it, in memory: same routes, same shapes, same refusals. */
export class World {
  readonly tickets = new Map<string, StoredTicket>();
  readonly requests: string[] = [];
  /** Bodies of the replies that were accepted. */
  readonly sent: object[] = [];
  private readonly listeners = new Map<Listener, Username>();
  private readonly access = new Map<string, Username>();
  private readonly refresh = new Map<string, Username>();
  private failures = 0;
  private serial = 0;

  constructor(seeds: Seed[]) {
    for (const seed of seeds) this.add(seed);
  }

  add(seed: Seed): StoredTicket {
    const stored = makeTicket(seed);
    if (seed.conversation) continueConversation(stored, seed.number);
    this.tickets.set(stored.ticket.id, stored);
    return stored;
  }

  /** A customer writes: the ticket opens and everybody who may see it is told. */
  open(seed: Seed): StoredTicket {
    const stored = this.add(seed);
    this.tell("opened", stored, new Set());
    return stored;
  }

  startAs(username: Username, ticketId: string): void {
    const holder = ATTENDANTS[username];
    const part = { status: "STARTED", holder, released: false } as const;
    this.change(this.one(ticketId), "started", part, startedEntry(holder, new Date().toISOString()));
  }

  one(ticketId: string): StoredTicket {
    const stored = this.tickets.get(ticketId);
    if (!stored) throw new Error(`no ticket ${ticketId}`);
    return stored;
  }

  /** Whatever happens to a ticket: it is another one afterwards, and everybody concerned is told. */
  change(stored: StoredTicket, verb: TicketEvent["verb"], part: Partial<Ticket>, note?: Interaction): void {
    const before = this.audience(stored);
    const { etag, interactions } = stored.ticket;
    const lastActivityAt = new Date().toISOString();
    stored.ticket = {
      ...stored.ticket,
      ...part,
      etag: String(Number(etag) + 1),
      interactions: interactions + 1,
      lastActivityAt,
    };
    if (note) stored.history.push(note);
    this.tell(verb, stored, before);
  }

  /** The customer writes again. */
  receive(ticketId: string, text: string): string {
    const stored = this.one(ticketId);
    const message = incoming(stored, { text, at: new Date().toISOString() });
    stored.messages.push(message);
    const awaited = ["PENDING", "RESOLVED"].includes(stored.ticket.status);
    const part: Partial<Ticket> = awaited ? { status: "ANSWERED", awaiting: null } : { newMessage: true };
    const note = entry("MESSAGE_RECEIVED", message.receivedAt ?? "", stored.ticket.openedBy, [], message.id);
    this.change(stored, "messageAppended", { ...part, lastMessageId: message.id }, note);
    return message.id;
  }

  /** A message on its way comes to another state. */
  deliver(ticketId: string, messageId: string, delivery: Partial<Delivery>): void {
    const stored = this.one(ticketId);
    stored.messages = stored.messages.map((message) =>
      message.id === messageId && message.delivery
        ? { ...message, delivery: { ...message.delivery, at: new Date().toISOString(), ...delivery } }
        : message,
    );
    this.tell("deliveryChanged", stored, this.audience(stored));
  }

  listen(username: Username, listener: Listener): () => void {
    this.listeners.set(listener, username);
    return () => this.listeners.delete(listener);
  }

  signedIn(jar: Jar): Username | undefined {
    return this.access.get(jar.access ?? "");
  }

  /** As time would: all access tokens end. */
  expireAccess(): void {
    this.access.clear();
  }

  endSessions(): void {
    this.access.clear();
    this.refresh.clear();
  }

  private audience(stored: StoredTicket): Set<Username> {
    return new Set((Object.keys(ATTENDANTS) as Username[]).filter((username) => this.visible(username, stored)));
  }

  private tell(verb: TicketEvent["verb"], stored: StoredTicket, before: Set<Username>): void {
    const after = this.audience(stored);
    for (const [listener, username] of this.listeners) {
      if (!before.has(username) && !after.has(username)) continue;
      listener({ name: "ticket", data: { ticketId: stored.ticket.id, verb, visible: after.has(username) } });
      listener({ name: "counts", data: {} });
    }
  }

  private visible(username: Username, { ticket, level }: StoredTicket): boolean {
    if (!levelsOf(username).includes(level)) return false;
    return isSupervisor(username) || !ticket.holder || ticket.released || ticket.holder.id === ATTENDANTS[username].id;
  }

  shown(username: Username, { ticket }: StoredTicket): Ticket {
    return { ...ticket, allowedVerbs: allowedVerbs(ticket, ATTENDANTS[username], isSupervisor(username)) };
  }

  async handle(request: Request, jar: Jar): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const route = pathname.replace("/api/v1", "");
    this.requests.push(`${request.method} ${route}`);
    if (request.method !== "GET" && request.headers.get("X-Guiche-CSRF") !== "1")
      return problem(403, "CSRF_HEADER_MISSING");
    if (route === "/auth:login")
      return this.login((await request.json()) as { username: string; password: string }, jar);
    if (route === "/auth:refresh") return this.renew(jar);
    if (route === "/auth:logout") {
      this.refresh.delete(jar.refresh ?? "");
      jar.access = jar.refresh = undefined;
      return new Response(null, { status: 204 });
    }
    const username = this.signedIn(jar);
    if (!username) return problem(401, "UNAUTHENTICATED");
    if (route === "/me") return Response.json(meOf(username));
    if (route === "/serviceTypes") return Response.json({ serviceTypes: SERVICE_TYPES, nextPageToken: "" });
    if (route === "/tickets") return this.list(username, searchParams);
    if (route === "/tickets:counts") return Response.json(this.counts(username));
    return this.ticketRoute(username, route, request);
  }

  private login({ username, password }: { username: string; password: string }, jar: Jar): Response {
    if (this.failures >= 5) return problem(429, "TOO_MANY_ATTEMPTS", { retryAfter: 300 });
    if (!(username in ATTENDANTS) || password !== "guiche") {
      this.failures += 1;
      return problem(401, "CREDENTIALS_REJECTED");
    }
    this.failures = 0;
    return this.issue(username as Username, jar);
  }

  private renew(jar: Jar): Response {
    const username = this.refresh.get(jar.refresh ?? "");
    if (!username) return problem(401, "SESSION_ENDED");
    this.refresh.delete(jar.refresh ?? "");
    return this.issue(username, jar);
  }

  private issue(username: Username, jar: Jar): Response {
    this.serial += 1;
    jar.access = `access-${this.serial}`;
    jar.refresh = `refresh-${this.serial}`;
    this.access.set(jar.access, username);
    this.refresh.set(jar.refresh, username);
    return Response.json({ accessToken: "", expiresIn: 600, refreshToken: "" });
  }

  private list(username: Username, query: URLSearchParams): Response {
    const wanted = query
      .getAll("status")
      .flatMap((status) => (status === "CREATED_OR_OPEN" ? ["CREATED", "OPEN"] : [status]));
    const rows = [...this.tickets.values()]
      .filter((stored) => stored.ticket.status !== "CLOSED" && this.visible(username, stored))
      .map((stored) => this.shown(username, stored))
      .filter((ticket) => wanted.length === 0 || wanted.includes(ticket.status))
      .filter((ticket) => !query.get("departmentId") || ticket.department?.id === query.get("departmentId"))
      .filter((ticket) => !query.get("levelId") || ticket.level?.id === query.get("levelId"))
      .filter((ticket) => query.get("view") !== "MINE" || ticket.holder?.id === ATTENDANTS[username].id)
      .sort((a, b) => (b.lastActivityAt ?? "").localeCompare(a.lastActivityAt ?? ""));
    const from = Number(query.get("pageToken") ?? 0);
    const size = Number(query.get("pageSize")) || PAGE;
    const next = from + size < rows.length ? String(from + size) : "";
    return Response.json({ tickets: rows.slice(from, from + size), nextPageToken: next });
  }

  private counts(username: Username): Counts {
    const seen = [...this.tickets.values()]
      .filter((stored) => stored.ticket.status !== "CLOSED" && this.visible(username, stored))
      .map(({ ticket }) => ticket);
    const departments = new Map(levelsOf(username).map((key) => [LEVELS[key].department.id, LEVELS[key].department]));
    return {
      statuses: byStatus(seen),
      total: seen.length,
      departments: [...departments.values()].map((department) => {
        const inside = seen.filter((ticket) => ticket.department?.id === department.id);
        const levels = levelsOf(username)
          .map((key) => LEVELS[key])
          .filter((entry) => entry.department.id === department.id);
        return {
          department,
          statuses: byStatus(inside),
          total: inside.length,
          levels: levels.map(({ level }) => {
            const rows = inside.filter((ticket) => ticket.level?.id === level.id);
            return { level, statuses: byStatus(rows), total: rows.length };
          }),
        };
      }),
    };
  }

  private async ticketRoute(username: Username, route: string, request: Request): Promise<Response> {
    const [, id = "", rest = ""] = /^\/tickets\/([^/:]+)(.*)$/.exec(route) ?? [];
    const stored = this.tickets.get(id);
    // Who comes too late is told who was first, also where the ticket has left their sight by that.
    if (!stored || (rest !== ":start" && !this.visible(username, stored))) return problem(404, "TICKET_NOT_FOUND");
    if (rest === "") return Response.json(this.shown(username, stored));
    if (rest === "/interactions") return Response.json({ interactions: stored.history, nextPageToken: "" });
    if (rest === "/messages") return Response.json({ messages: stored.messages, nextPageToken: "" });
    if (rest === "/replyOptions") return replyOptions(stored);
    if (rest === "/attachments") return uploadFile(request);
    if (rest.startsWith("/attachments/")) return new Response(LOGO_PNG, { headers: { "Content-Type": "image/png" } });
    const resent = /^\/messages\/([^:]+):resend$/.exec(rest)?.[1];
    if (resent) return resend(this, stored, resent);
    return (await act(this, username, stored, rest, request)) ?? problem(404, "NOT_FOUND");
  }
}

function byStatus(tickets: Ticket[]): StatusCount[] {
  const counts = new Map<TicketStatus, number>();
  for (const { status } of tickets) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => ({ status, count }));
}

export function problem(status: number, code: string, more: Partial<Problem> = {}): Response {
  const body: Problem = {
    type: `/problems/${code}`,
    title: code,
    status,
    detail: "",
    code,
    errors: [],
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    ...more,
  };
  return Response.json(body, { status, headers: { "Content-Type": "application/problem+json" } });
}
