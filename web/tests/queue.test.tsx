import { QueryClient } from "@tanstack/react-query";
import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { meOf } from "../mock/data";
import { problem } from "../mock/world";
import { applier } from "@/push/use-push";
import { ticketKeys } from "@/queue/keys";
import { FakeEventSource, latestEventSource, openApp } from "./app";

const row = (subject: string) => screen.findByText(subject);
const focusedRow = () => document.activeElement?.closest("[data-testid=queue-row]")?.textContent;
const count = (testId: string) => within(screen.getByTestId(testId)).getByTestId("count").textContent;

test("a new ticket appears at the top without reload, is counted and said aloud", async () => {
  const { world } = await openApp();
  await row("Boleto vencido");
  await waitFor(() => expect(count("status-CREATED_OR_OPEN")).toBe("2"));

  world.open({ number: 50, minutesAgo: 0, level: "n1", status: "OPEN", subject: "Acabou de chegar" });

  await row("Acabou de chegar");
  expect(screen.getAllByTestId("queue-row")[0]).toHaveProperty(
    "textContent",
    expect.stringContaining("Acabou de chegar"),
  );
  await waitFor(() => expect(count("status-CREATED_OR_OPEN")).toBe("3"));
  expect(screen.getByTestId("announcement").textContent).toMatch(/Ticket novo de .*: Acabou de chegar/);
});

test("a ticket somebody else starts vanishes and the counts follow", async () => {
  const { world } = await openApp();
  const id = (await row("Boleto vencido")).closest("[data-ticket-id]")?.getAttribute("data-ticket-id") ?? "";

  world.startAs("bruno", id);

  await waitFor(() => expect(screen.queryByText("Boleto vencido")).toBeNull());
  await waitFor(() => expect(count("status-CREATED_OR_OPEN")).toBe("1"));
  expect(screen.getByText("Troca de tênis")).toBeTruthy();
});

test("what left my view is gone before any refetch answers", async () => {
  let blocked = false;
  const never = new Promise<undefined>(() => undefined);
  const { world } = await openApp({ intercept: () => (blocked ? never : undefined) });
  const id = (await row("Boleto vencido")).closest("[data-ticket-id]")?.getAttribute("data-ticket-id") ?? "";
  blocked = true;
  world.startAs("bruno", id);
  await waitFor(() => expect(screen.queryByText("Boleto vencido")).toBeNull());
});

test("many events at once cause few refetches", async () => {
  const { world } = await openApp();
  await row("Boleto vencido");
  world.requests.length = 0;
  for (let number = 100; number < 140; number += 1)
    world.open({ number, minutesAgo: 0, level: "n1", status: "OPEN", subject: `Lote ${number}` });
  await row("Lote 139");
  expect(world.requests.filter((request) => request === "GET /tickets").length).toBeLessThanOrEqual(2);
});

test("choosing a status and a department narrows the queue and stands in the address", async () => {
  const { user } = await openApp();
  await row("Boleto vencido");
  await user.click(screen.getByTestId("status-STARTED"));
  await row("Entrega atrasada");
  await waitFor(() => expect(screen.queryByText("Boleto vencido")).toBeNull());
  expect(window.location.search).toBe("?status=STARTED");
  await user.click(await screen.findByTestId(/^department-.*001$/));
  expect(new URLSearchParams(window.location.search).get("departmentId")).toMatch(/001$/);
  await user.click(screen.getByTestId("status-STARTED"));
  await row("Boleto vencido");
});

test("among my own tickets no numbers of the whole queue are shown, only how many are listed", async () => {
  const { user } = await openApp();
  await row("Boleto vencido");
  await waitFor(() => expect(count("status-CREATED_OR_OPEN")).toBe("2"));
  await user.click(screen.getByLabelText("Só os meus"));
  await waitFor(() => expect(screen.queryByText("Boleto vencido")).toBeNull());
  await row("Entrega atrasada");
  expect(screen.getAllByTestId("count").map(({ textContent }) => textContent)).toEqual(
    screen.getAllByTestId("count").map(() => ""),
  );
  expect(document.body.textContent).toContain("Meus tickets1 ticket");
  await user.click(screen.getByLabelText("Toda a fila"));
  await waitFor(() => expect(count("status-CREATED_OR_OPEN")).toBe("2"));
});

test("the filter of a shared address is applied at once, and nonsense in it is ignored", async () => {
  const { world } = await openApp({ path: "/?status=STARTED&levelId=nonsense" });
  await row("Entrega atrasada");
  expect(screen.queryByText("Boleto vencido")).toBeNull();
  expect(world.requests).toContain("GET /tickets");
});

test("j and k move through the rows and Enter opens one", async () => {
  const { user } = await openApp();
  await row("Boleto vencido");
  await user.keyboard("jj");
  await waitFor(() => expect(focusedRow()).toContain("Troca de tênis"));
  await user.keyboard("k");
  await waitFor(() => expect(focusedRow()).toContain("Boleto vencido"));
  await user.keyboard("{Enter}");
  expect(await screen.findByTestId("ticket-protocol")).toBeTruthy();
});

test("j still moves after a click on whose tickets are shown", async () => {
  const { user } = await openApp();
  await row("Boleto vencido");
  await user.click(screen.getByText("Só os meus"));
  await waitFor(() => expect(screen.queryByText("Boleto vencido")).toBeNull());
  await row("Entrega atrasada");
  await user.keyboard("j");
  await waitFor(() => expect(focusedRow()).toContain("Entrega atrasada"));
});

test("an empty queue says that all is done", async () => {
  await openApp({ seeds: [] });
  expect(await screen.findByText("Fila em dia")).toBeTruthy();
  expect(screen.getByText("Nenhum ticket")).toBeTruthy();
});

test("who is in no department is told so, instead of waiting for tickets that cannot come", async () => {
  await openApp({
    seeds: [],
    intercept: (request) =>
      request.url.endsWith("/me") ? Response.json({ ...meOf("ana"), departments: [], roles: [] }) : undefined,
  });
  expect(await screen.findByText("Nenhuma fila para você")).toBeTruthy();
  expect(screen.queryByText("Fila em dia")).toBeNull();
});

test("a queue that cannot be loaded says why, with the code for support, and tries again", async () => {
  let broken = true;
  const { user } = await openApp({
    intercept: (request) => (broken && request.url.includes("/tickets?") ? problem(403, "NOT_ALLOWED") : undefined),
  });
  expect(await screen.findByText("Não foi possível carregar a fila")).toBeTruthy();
  expect(screen.getByText("4bf92f3577b34da6a3ce929d0e0e4736")).toBeTruthy();
  broken = false;
  await user.click(screen.getByRole("button", { name: "Tentar de novo" }));
  await row("Boleto vencido");
});

test("after a gap in the stream everything is fetched again, and a long one is told", async () => {
  const { world } = await openApp();
  await row("Boleto vencido");
  const source = latestEventSource();
  source.fail(0);
  world.add({ number: 60, minutesAgo: 0, level: "n1", status: "OPEN", subject: "Chegou no intervalo" });
  expect(await screen.findByTestId("reconnecting")).toBeTruthy();
  source.reconnect();
  await row("Chegou no intervalo");
  await waitFor(() => expect(screen.queryByTestId("reconnecting")).toBeNull());
});

test("a stream that begins has the queue read again, and one taken over from another tab everything", async () => {
  const list = ticketKeys.list({});
  const me = ["me"];
  const client = new QueryClient();
  const stale = (key: readonly unknown[]) => client.getQueryState(key)?.isInvalidated;
  client.setQueryData(list, "read before the stream stood");
  client.setQueryData(ticketKeys.one("1"), "the same");
  client.setQueryData(ticketKeys.messages("1"), "the same");
  client.setQueryData(me, "the same");
  const apply = applier(client);
  apply({ type: "connected" });
  await waitFor(() => expect(stale(list)).toBe(true));
  expect(stale(ticketKeys.one("1"))).toBe(true);
  expect(stale(ticketKeys.messages("1"))).toBe(true);
  expect(stale(me)).toBe(false);
  const joined = applier(client);
  joined({ type: "standing" });
  joined({ type: "connected" });
  await waitFor(() => expect(stale(me)).toBe(true));
});

test("a stream refused because the session needs renewing is renewed and opened again", async () => {
  const { world } = await openApp();
  await row("Boleto vencido");
  world.expireAccess();
  world.requests.length = 0;
  latestEventSource().fail(FakeEventSource.CLOSED);
  await waitFor(() => expect(FakeEventSource.opened.length).toBe(2));
  expect(world.requests.filter((request) => request === "POST /auth:refresh")).toHaveLength(1);
  world.open({ number: 70, minutesAgo: 0, level: "n1", status: "OPEN", subject: "Depois da renovação" });
  await row("Depois da renovação");
});

test("resync fetches everything again", async () => {
  const { world } = await openApp();
  await row("Boleto vencido");
  world.add({ number: 61, minutesAgo: 0, level: "n1", status: "OPEN", subject: "Perdido no caminho" });
  latestEventSource().push("resync");
  await row("Perdido no caminho");
});
