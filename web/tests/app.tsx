import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { vi } from "vitest";
import type { Seed, Username } from "../mock/data";
import { type Jar, World } from "../mock/world";
import { App } from "@/app";
import "@/i18n";
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
  vi.stubGlobal("EventSource", FakeEventSource);
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

export function latestEventSource(): FakeEventSource {
  const source = FakeEventSource.opened.at(-1);
  if (!source) throw new Error("no stream was opened");
  return source;
}
