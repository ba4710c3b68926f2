import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { vi } from "vitest";
import { ATTENDANTS, type Seed, type Username } from "../mock/data";
import { type Jar, World } from "../mock/world";
import { App } from "@/app";
import "@/i18n";
import { type Draft, EMPTY, storeDraft } from "@/ticket/reply/draft";
import { announceSessionStart } from "@/session/session-state";

/** Stands for the browser's EventSource at the border of the network. */
export class FakeEventSource extends EventTarget {
  static readonly CLOSED = 2;
  static world: World;
  static jar: Jar;
  static opened: FakeEventSource[] = [];
  readyState = 0;
  onopen?: () => void;
  onerror?: () => void;
  private stop: (() => void) | undefined;

  constructor() {
    super();
    FakeEventSource.opened.push(this);
    queueMicrotask(() => this.connect());
  }

  private connect(): void {
    const username = FakeEventSource.world.signedIn(FakeEventSource.jar);
    if (!username) {
      this.fail(FakeEventSource.CLOSED);
      return;
    }
    this.readyState = 1;
    this.stop = FakeEventSource.world.listen(username, ({ name, data }) => this.push(name, data));
    this.onopen?.();
  }

  push(name: string, data: object = {}): void {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  }

  /** The connection breaks; with CLOSED the browser has given up. */
  fail(readyState: number): void {
    this.stop?.();
    this.readyState = readyState;
    this.onerror?.();
  }

  reconnect(): void {
    this.connect();
  }

  close(): void {
    this.stop?.();
    this.readyState = FakeEventSource.CLOSED;
  }
}

/** Stands for the browser's XMLHttpRequest, with which files are uploaded; progress and failure are for the test to tell. */
export class FakeXhr {
  static world: World;
  static jar: Jar;
  static sent: FakeXhr[] = [];
  /** Answers by itself, as a quick network does. */
  static quick = true;
  status = 0;
  response: unknown = null;
  responseType = "";
  upload: { onprogress?: (event: object) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  readonly headers = new Headers();
  private url = "";
  private file: File | undefined;

  open(_method: string, url: string): void {
    this.url = url;
  }

  setRequestHeader(name: string, value: string): void {
    this.headers.set(name, value);
  }

  send(file: File): void {
    this.file = file;
    FakeXhr.sent.push(this);
    if (FakeXhr.quick) void this.finish();
  }

  progress(loaded: number, total: number): void {
    this.upload.onprogress?.({ lengthComputable: true, loaded, total });
  }

  async finish(answer?: Response): Promise<void> {
    const bytes = new Uint8Array(this.file?.size ?? 0);
    const request = new Request(new URL(this.url, "http://localhost"), {
      method: "POST",
      headers: this.headers,
      body: bytes,
    });
    const given = answer ?? (await FakeXhr.world.handle(request, FakeXhr.jar));
    this.status = given.status;
    this.response = await given.json();
    this.onload?.();
  }

  abort(): void {
    this.onabort?.();
  }
}

export interface Setting {
  path?: string;
  username?: Username | null;
  seeds?: Seed[];
  /** Takes a request before the world does. */
  intercept?: (request: Request) => Response | undefined | Promise<Response | undefined>;
}

export const SEEDS: Seed[] = [
  { number: 1, minutesAgo: 5, level: "n1", status: "OPEN", subject: "Boleto vencido" },
  { number: 2, minutesAgo: 9, level: "n1", status: "OPEN", subject: "Troca de tênis" },
  { number: 4, minutesAgo: 30, level: "n1", status: "STARTED", holder: "ana", subject: "Entrega atrasada" },
];

/** The whole application before a world of its own; only fetch and EventSource are replaced. */
export async function openApp({ path = "/", username = "ana", seeds = SEEDS, intercept }: Setting = {}) {
  const world = new World(seeds);
  const jar: Jar = {};
  FakeEventSource.world = world;
  FakeEventSource.jar = jar;
  FakeEventSource.opened = [];
  FakeXhr.world = world;
  FakeXhr.jar = jar;
  FakeXhr.sent = [];
  FakeXhr.quick = true;
  vi.stubGlobal("EventSource", FakeEventSource);
  vi.stubGlobal("XMLHttpRequest", FakeXhr);
  vi.stubGlobal("fetch", async (input: Request | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    return (await intercept?.(request.clone())) ?? world.handle(request, jar);
  });
  announceSessionStart();
  if (username) await signIn(world, jar, username);
  world.requests.length = 0;
  window.history.replaceState(null, "", path);
  const user = userEvent.setup();
  render(<App />);
  return { world, jar, user };
}

async function signIn(world: World, jar: Jar, username: Username): Promise<void> {
  const body = JSON.stringify({ username, password: "guiche" });
  await world.handle(
    new Request("http://localhost/api/v1/auth:login", { method: "POST", headers: { "X-Guiche-CSRF": "1" }, body }),
    jar,
  );
}

/** What somebody was writing when they left the page; the editor itself is for the tests in a real browser. */
export function writtenBefore(ticketId: string, draft: Partial<Draft>, username: Username = "ana"): void {
  storeDraft(ATTENDANTS[username].id, ticketId, { ...EMPTY, html: "<p>Segue a segunda via.</p>", ...draft });
}

export function latestEventSource(): FakeEventSource {
  const source = FakeEventSource.opened.at(-1);
  if (!source) throw new Error("no stream was opened");
  return source;
}
