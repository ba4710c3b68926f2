import { screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { makeTicket } from "../mock/data";
import { problem } from "../mock/world";
import { openApp, SEEDS } from "./app";

const [first] = SEEDS;
const TICKET = first ? makeTicket(first).ticket.id : "";
const PAGE = `/tickets/${TICKET}`;

test("starting makes the ticket mine, under a key of its own", async () => {
  let sent: Headers | undefined;
  const { user } = await openApp({
    path: PAGE,
    intercept: (request) => {
      if (request.url.endsWith(":start")) sent = request.headers;
      return undefined;
    },
  });
  await user.click(await screen.findByTestId("start-button"));
  await waitFor(() => expect(screen.getByTestId("ticket-status").textContent).toBe("Iniciado"));
  expect(screen.getByTestId("ticket-holder").textContent).toBe("Ana Ribeiro");
  expect(screen.queryByTestId("start-button")).toBeNull();
  // A customer's second mail between look and press is no reason to refuse it.
  expect(sent?.get("If-Match")).toBeNull();
  expect(sent?.get("Idempotency-Key")).toMatch(/^[0-9a-f-]{36}$/);
  expect(sent?.get("X-Guiche-CSRF")).toBe("1");
});

test("what replaces a value says which one was seen", async () => {
  let seen: string | null | undefined;
  const { user } = await openApp({
    path: PAGE,
    intercept: (request) => {
      if (request.url.endsWith(":setPriority")) seen = request.headers.get("If-Match");
      return undefined;
    },
  });
  const [menu] = await screen.findAllByTestId("priority-menu");
  if (menu) await user.click(menu);
  await user.click(await screen.findByTestId("set-priority-LOW"));
  await waitFor(() => expect(seen).toBe('"1"'));
});

test("who loses the race is told who has the ticket and is back at the queue", async () => {
  const { user } = await openApp({
    path: PAGE,
    intercept: (request) =>
      request.url.endsWith(":start") ? problem(409, "TICKET_ALREADY_STARTED", { holder: "Bruno Tavares" }) : undefined,
  });
  await user.click(await screen.findByTestId("start-button"));
  expect(await screen.findByText("Bruno Tavares já iniciou este ticket.")).toBeTruthy();
  await waitFor(() => expect(window.location.pathname).toBe("/"));
});

test("a ticket that changed meanwhile is said to have changed and is read again", async () => {
  const { user, world } = await openApp({
    path: PAGE,
    intercept: (request) => (request.url.endsWith(":start") ? problem(412, "STALE") : undefined),
  });
  const button = await screen.findByTestId("start-button");
  world.requests.length = 0;
  await user.click(button);
  expect(await screen.findByText(/O ticket mudou enquanto você lia/)).toBeTruthy();
  await waitFor(() => expect(world.requests).toContain(`GET /tickets/${TICKET}`));
  expect(window.location.pathname).toBe(PAGE);
});

test("when somebody else starts what I am reading, the page says so and shows nothing of it any more", async () => {
  const { world } = await openApp({ path: PAGE });
  await screen.findByTestId("start-button");
  world.startAs("bruno", TICKET);
  expect(await screen.findByTestId("ticket-gone")).toBeTruthy();
  expect(screen.queryByTestId("start-button")).toBeNull();
  expect(screen.queryByTestId("message-frame")).toBeNull();
});

test("a supervisor keeps seeing it and is told who started it", async () => {
  const { world } = await openApp({ path: PAGE, username: "carla" });
  await screen.findByTestId("start-button");
  world.startAs("bruno", TICKET);
  expect(await screen.findByText("Bruno Tavares acabou de iniciar este ticket.")).toBeTruthy();
  await waitFor(() => expect(screen.getByTestId("ticket-holder").textContent).toBe("Bruno Tavares"));
  expect(screen.queryByTestId("start-button")).toBeNull();
});

test("a ticket out of reach is not found, whether it exists or not", async () => {
  await openApp({ path: PAGE, username: "davi" });
  expect(await screen.findByText("Não encontramos esta página")).toBeTruthy();
});

test("a server in trouble is told as such, with the code for support", async () => {
  await openApp({
    path: PAGE,
    intercept: (request) => (request.url.endsWith(TICKET) ? problem(500, "INTERNAL") : undefined),
  });
  expect(await screen.findByText("O Guichê não respondeu como devia")).toBeTruthy();
  expect(screen.getByText("4bf92f3577b34da6a3ce929d0e0e4736")).toBeTruthy();
});

test("facts stand in the order attendants know", async () => {
  await openApp({ path: PAGE });
  await screen.findByTestId("ticket-status");
  expect([...document.querySelectorAll("aside dt")].map((name) => name.textContent)).toEqual([
    "Data da ocorrência",
    "Nível de atendimento",
    "Protocolo",
    "Interações",
    "Atendente",
    "Prioridade",
    "Abertura",
    "Tempo decorrido",
    "Status",
    "Tipo de atendimento",
  ]);
});

test("history tells who, what, before and after", async () => {
  const { user } = await openApp({ path: PAGE });
  await user.click(await screen.findByTestId("start-button"));
  await user.click(screen.getByTestId("history-tab"));
  await waitFor(() => expect(screen.getAllByTestId("history-entry")).toHaveLength(2));
  const [opened, started] = screen.getAllByTestId("history-entry").map((entry) => entry.textContent);
  expect(opened).toContain("(cliente) abriu o ticket");
  expect(started).toContain("Ana Ribeiro (atendente) iniciou o ticket");
  expect(started).toMatch(/antes: Aberto.*depois: Iniciado/);
});

test("warnings of the parser are told in words, also one that is not known yet", async () => {
  const { world } = await openApp({ path: PAGE });
  world.tickets.get(TICKET)?.messages[0]?.warnings.push("SOMETHING_NEW");
  expect(await screen.findByText("A lista de destinatários era longa demais e foi cortada.")).toBeTruthy();
  expect(screen.getByText("Parte da mensagem foi ajustada por segurança.")).toBeTruthy();
  expect(screen.queryByText(/SOMETHING_NEW/)).toBeNull();
});

test.each([
  ["differs from its arrival", "2020-02-01T12:00:00Z", /Data no e-mail: 01\/02\/2020/],
  ["is missing", null, "E-mail sem data"],
])("the date of a mail is told, without alarm, where it %s", async (_, date, told) => {
  const { world } = await openApp({ path: PAGE });
  Object.assign(world.tickets.get(TICKET)?.messages[0] ?? {}, { date, warnings: ["DATE_MISSING"] });
  expect(await screen.findByText(told)).toBeTruthy();
  expect(screen.queryByRole("note")).toBeNull();
});

test("the date of a mail is not told where it says what the arrival says", async () => {
  const { world } = await openApp({ path: PAGE });
  const message = world.tickets.get(TICKET)?.messages[0];
  Object.assign(message ?? {}, { date: message?.receivedAt });
  await screen.findByTestId("message-frame");
  expect(screen.queryByText(/Data no e-mail/)).toBeNull();
});

test("an address that is no ticket's is not found, whatever the server calls it", async () => {
  await openApp({
    path: "/tickets/abc",
    intercept: (request) => (request.url.endsWith("/abc") ? problem(400, "INVALID_REQUEST") : undefined),
  });
  expect(await screen.findByText("Não encontramos esta página")).toBeTruthy();
});

test("a refusal without words of its own in the catalogue shows nothing in English", async () => {
  await openApp({
    path: PAGE,
    intercept: (request) =>
      request.url.endsWith(`/${TICKET}`) ? problem(409, "SOMETHING_NEW", { detail: "The cat sat." }) : undefined,
  });
  expect(await screen.findByText("Aconteceu algo inesperado.")).toBeTruthy();
  expect(screen.queryByText(/The cat sat/)).toBeNull();
});
