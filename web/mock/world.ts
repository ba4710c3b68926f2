import type { Counts, Problem, StatusCount, Ticket, TicketEvent, TicketStatus } from "../src/api/types";
import {
  ATTENDANTS,
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
    const stored = this.tickets.get(ticketId);
    if (!stored) throw new Error(`no ticket ${ticketId}`);
    const before = this.audience(stored);
    const at = new Date().toISOString();
    const { ticket } = stored;
    const etag = `${ticket.etag}+`;
    stored.ticket = {
      ...ticket,
      status: "STARTED",
      holder: ATTENDANTS[username],
      released: false,
      etag,
      interactions: ticket.interactions + 1,
      lastActivityAt: at,
    };
    stored.history.push(startedEntry(ATTENDANTS[username], at));
    this.tell("started", stored, before);
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
    if (ticket.status === "CLOSED" || !levelsOf(username).includes(level)) return false;
    return username === "carla" || !ticket.holder || ticket.released || ticket.holder.id === ATTENDANTS[username].id;
  }

  private shown(username: Username, { ticket }: StoredTicket): Ticket {
    const mayStart = username !== "carla" && (!ticket.holder || ticket.released) && ticket.status !== "RESOLVED";
    return { ...ticket, allowedVerbs: mayStart ? ["start"] : [] };
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
      .filter((stored) => this.visible(username, stored))
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
      .filter((stored) => this.visible(username, stored))
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

  private ticketRoute(username: Username, route: string, request: Request): Response {
    const [, id = "", rest = ""] = /^\/tickets\/([^/:]+)(.*)$/.exec(route) ?? [];
    const stored = this.tickets.get(id);
    if (rest === ":start" && stored) return this.start(username, stored, request);
    if (!stored || !this.visible(username, stored)) return problem(404, "TICKET_NOT_FOUND");
    if (rest === "") return Response.json(this.shown(username, stored));
    if (rest === "/interactions") return Response.json({ interactions: stored.history, nextPageToken: "" });
    if (rest === "/messages") return Response.json({ messages: stored.messages, nextPageToken: "" });
    if (rest.startsWith("/attachments/")) return new Response(LOGO_PNG, { headers: { "Content-Type": "image/png" } });
    return problem(404, "NOT_FOUND");
  }

  private start(username: Username, stored: StoredTicket, request: Request): Response {
    const { ticket } = stored;
    if (ticket.holder && !ticket.released)
      return problem(409, "TICKET_ALREADY_STARTED", { holder: ticket.holder.name });
    if (!this.visible(username, stored)) return problem(404, "TICKET_NOT_FOUND");
    const wanted = request.headers.get("If-Match");
    if (wanted && wanted !== `"${ticket.etag}"`) return problem(412, "STALE");
    this.startAs(username, ticket.id);
    return Response.json(this.shown(username, stored));
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
