import { screen, waitFor } from "@testing-library/react";
import { expect, onTestFinished, test, vi } from "vitest";
import { signInAddress, wantedAddress } from "@/session/addresses";
import { refreshSession } from "@/session/refresh";
import { sessionFetch } from "@/session/session-fetch";
import { problem } from "../mock/world";
import { openApp } from "./app";

const refreshes = (requests: string[]) => requests.filter((request) => request === "POST /auth:refresh").length;
const ask = (route: string) => sessionFetch(new Request(`${window.location.origin}/api/v1/${route}`));

test("many requests that meet an expired session renew it once and all succeed", async () => {
  const { world } = await openApp();
  await screen.findByText("Boleto vencido");
  world.expireAccess();
  world.requests.length = 0;
  const answers = await Promise.all(["me", "tickets", "tickets:counts", "me", "tickets"].map(ask));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(refreshes(world.requests)).toBe(1);
});

test("a request repeats once only", async () => {
  const { world } = await openApp({
    intercept: (request) => (request.url.endsWith("/forever") ? problem(401, "UNAUTHENTICATED") : undefined),
  });
  await screen.findByText("Boleto vencido");
  world.requests.length = 0;
  expect((await ask("forever")).status).toBe(401);
  expect(refreshes(world.requests)).toBe(1);
});

test("what another tab has renewed since is not renewed again", async () => {
  const { world } = await openApp();
  await screen.findByText("Boleto vencido");
  world.requests.length = 0;
  const sentAt = Date.now();
  localStorage.setItem("guiche.session.refreshedAt", String(sentAt + 5));
  expect(await refreshSession(sentAt)).toBe("refreshed");
  expect(refreshes(world.requests)).toBe(0);
});

test("tabs take turns by a lock", async () => {
  await openApp();
  await screen.findByText("Boleto vencido");
  const request = vi.fn((_name: string, work: () => unknown) => work());
  Object.defineProperty(navigator, "locks", { configurable: true, value: { request } });
  onTestFinished(() => void Reflect.deleteProperty(navigator, "locks"));
  await refreshSession(Date.now() + 1000);
  expect(request.mock.calls[0]?.[0]).toBe("guiche.session.refresh");
});

test("a server that cannot be asked does not end the session", async () => {
  const { world } = await openApp({
    intercept: (request) => (request.url.endsWith("auth:refresh") ? problem(503, "UNAVAILABLE") : undefined),
  });
  await screen.findByText("Boleto vencido");
  world.expireAccess();
  await expect(ask("me")).rejects.toThrow(TypeError);
  expect(screen.queryByTestId("sign-in-name")).toBeNull();
});

test("an ended session leads to signing in and back to the wanted address", async () => {
  const { world, user } = await openApp({ path: "/?status=STARTED" });
  await screen.findByText("Entrega atrasada");
  world.endSessions();
  await ask("me");
  await user.type(await screen.findByTestId("sign-in-name"), "ana");
  expect(window.location.search).toBe(`?next=${encodeURIComponent("/?status=STARTED")}`);
  expect(screen.getByText(/Sua sessão terminou/)).toBeTruthy();
  await user.type(screen.getByTestId("sign-in-password"), "guiche");
  await user.click(screen.getByTestId("sign-in-submit"));
  await screen.findByText("Entrega atrasada");
  expect(window.location.search).toBe("?status=STARTED");
});

test("a wrong password and too many attempts are told apart, without renewing anything", async () => {
  const { user, world } = await openApp({ username: null });
  for (let attempt = 0; attempt < 6; attempt += 1) {
    await user.type(await screen.findByTestId("sign-in-name"), attempt === 0 ? "ana" : " ");
    await user.type(screen.getByTestId("sign-in-password"), "errada");
    if (attempt === 0) world.requests.length = 0;
    await user.click(screen.getByTestId("sign-in-submit"));
    const text =
      attempt < 5 ? "Usuário ou senha não conferem." : "Tentativas demais. Espere 5 minutos e tente de novo.";
    await waitFor(() => expect(screen.getByTestId("sign-in-error").textContent).toBe(text));
  }
  expect(refreshes(world.requests)).toBe(0);
});

test("signing out leads to the door and leaves nothing on the page", async () => {
  const { user, world } = await openApp();
  await screen.findByText("Boleto vencido");
  await user.click(screen.getByTestId("account-menu"));
  await user.click(await screen.findByTestId("sign-out"));
  await screen.findByTestId("sign-in-name");
  expect(world.requests).toContain("POST /auth:logout");
  expect(screen.queryByText("Boleto vencido")).toBeNull();
});

test("who leaves on purpose leaves no way back for the next", async () => {
  const { user, world, jar } = await openApp({ path: "/?status=STARTED" });
  await screen.findByText("Entrega atrasada");
  await user.click(screen.getByTestId("account-menu"));
  await user.click(await screen.findByTestId("sign-out"));
  await user.type(await screen.findByTestId("sign-in-name"), "davi");
  expect(window.location.pathname + window.location.search).toBe("/sign-in");
  expect(screen.queryByText(/Sua sessão terminou/)).toBeNull();
  await user.type(screen.getByTestId("sign-in-password"), "guiche");
  await user.click(screen.getByTestId("sign-in-submit"));
  await waitFor(() => expect(window.location.pathname + window.location.search).toBe("/"));
  expect(world.signedIn(jar)).toBe("davi");
});

test("a tab whose requests noticed the end before it heard of the leaving offers no way back either", async () => {
  const { user, world } = await openApp({ path: "/?status=STARTED" });
  await screen.findByText("Entrega atrasada");
  world.endSessions();
  await ask("me");
  await screen.findByText(/Sua sessão terminou/);
  const elsewhere = new BroadcastChannel("guiche.session");
  elsewhere.postMessage("left");
  onTestFinished(() => elsewhere.close());
  await waitFor(() => expect(screen.queryByText(/Sua sessão terminou/)).toBeNull());
  await user.type(screen.getByTestId("sign-in-name"), "davi");
  await user.type(screen.getByTestId("sign-in-password"), "guiche");
  await user.click(screen.getByTestId("sign-in-submit"));
  await waitFor(() => expect(window.location.pathname + window.location.search).toBe("/"));
});

test("what is to be put right has the keyboard after a refused sign-in", async () => {
  const { user } = await openApp({ username: null });
  await user.click(await screen.findByTestId("sign-in-submit"));
  expect(document.activeElement).toBe(screen.getByTestId("sign-in-name"));
  await user.type(screen.getByTestId("sign-in-name"), "ana");
  await user.click(screen.getByTestId("sign-in-submit"));
  expect(document.activeElement).toBe(screen.getByTestId("sign-in-password"));
  await user.type(screen.getByTestId("sign-in-password"), "errada");
  await user.click(screen.getByTestId("sign-in-submit"));
  await screen.findByText("Usuário ou senha não conferem.");
  await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("sign-in-password")));
});

test("my information shows departments, levels and roles", async () => {
  const { user } = await openApp({ username: "carla" });
  await user.click(await screen.findByTestId("my-information"));
  const panel = await screen.findByTestId("my-information-panel");
  expect(panel.textContent).toContain("Carla Nogueira");
  expect(panel.textContent).toContain("Atendimento");
  expect(panel.textContent).toContain("Gestor · Atendimento");
  expect(panel.textContent).toContain("Todos os níveis");
});

test("only addresses of this application are returned to", () => {
  expect(wantedAddress("?next=%2Ftickets%2F1")).toBe("/tickets/1");
  for (const address of [
    "https://attacker.example/",
    "//attacker.example",
    "/\\attacker.example",
    "/\t/attacker.example",
    "/\n\\attacker.example",
    "javascript:alert(1)",
  ]) {
    expect(wantedAddress(`?next=${encodeURIComponent(address)}`)).toBe("/");
  }
  expect(signInAddress("/", "")).toBe("/sign-in");
});
