import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Ticket } from "@/api/types";
import { makeTicket, type Seed } from "../mock/data";
import { FIELDS, SERVICE_TYPES } from "../mock/service-types";
import { problem } from "../mock/world";
import { openApp } from "./app";

const TALK: Seed = { number: 901, minutesAgo: 900, level: "n1", status: "STARTED", holder: "ana", conversation: true };
const MINE: Seed = { number: 4, minutesAgo: 30, level: "n1", status: "STARTED", holder: "ana" };
const pageOf = (seed: Seed) => `/tickets/${makeTicket(seed).ticket.id}`;
const idOf = (seed: Seed) => makeTicket(seed).ticket.id;

const messages = () => screen.findAllByTestId("message");
const withText = (text: string | RegExp) =>
  waitFor(async () => {
    const found = (await messages()).find(({ textContent }) => new RegExp(text).test(textContent));
    if (!found) throw new Error(`no message with ${String(text)}`);
    return within(found);
  });
const option = (name: string) => screen.findByRole("option", { name, hidden: true });

test("the time line tells directions, machines and acts apart, in the order they happened", async () => {
  await openApp({ path: pageOf(TALK), seeds: [TALK] });
  const cards = (await messages()).map(({ dataset }) => dataset.automatic ?? dataset.direction);
  expect(cards).toEqual(["IN", "ACKNOWLEDGEMENT", "OUT", "AUTO_SUBMITTED", "IN", "OUT", "BOUNCE", "OUT", "IN"]);
  expect(screen.getByText("Devolução: uma mensagem não foi entregue")).toBeTruthy();
  expect(screen.getByText("Resposta automática")).toBeTruthy();
  const acts = screen.getAllByTestId("timeline-entry").map(({ dataset }) => dataset.kind);
  expect(acts).toContain("PRIORITY_SET");
  // A message that changed nothing needs no line of its own.
  expect(acts.filter((kind) => kind === "MESSAGE_RECEIVED")).toHaveLength(1);
});

test("a machine's words are folded until asked for", async () => {
  const { user } = await openApp({ path: pageOf(TALK), seeds: [TALK] });
  const card = await withText("Resposta automática");
  expect(card.queryByText(/fora do escritório/)).toBeNull();
  await user.click(card.getByTestId("unfold-message"));
  expect(card.getByText(/fora do escritório/)).toBeTruthy();
});

test("a failed message tells the server's words and is sent again on a press", async () => {
  const { user, world } = await openApp({ path: pageOf(TALK), seeds: [TALK] });
  const card = await withText("A nova caixa sai amanhã");
  expect(card.getByTestId("delivery-state").textContent).toBe("Falhou");
  expect(card.getByTestId("delivery-trouble").textContent).toContain("550 5.1.1");
  await user.click(card.getByTestId("resend"));
  await waitFor(() => expect(card.getByTestId("delivery-state").textContent).toBe("Na fila"));
  expect(world.requests.some((request) => request.endsWith(":resend"))).toBe(true);
});

test("a message of unknown outcome is sent again only after a warning that it may arrive twice", async () => {
  const { user, world } = await openApp({ path: pageOf(TALK), seeds: [TALK] });
  const card = await withText("confirmando: a troca");
  expect(card.getByTestId("delivery-state").textContent).toBe("Entrega desconhecida");
  expect(card.getByTestId("refused-recipients").textContent).toContain("gerencia@exemplo.com.br");
  await user.click(card.getByTestId("resend"));
  expect(await screen.findByText(/vai receber esta mensagem duas vezes/)).toBeTruthy();
  expect(world.requests.some((request) => request.endsWith(":resend"))).toBe(false);
  await user.click(screen.getByTestId("resend-anyway"));
  await waitFor(() => expect(card.getByTestId("delivery-state").textContent).toBe("Na fila"));
});

test("a delivery that goes on is shown without reload", async () => {
  const { world } = await openApp({ path: pageOf(TALK), seeds: [TALK] });
  const card = await withText("A nova caixa sai amanhã");
  const id = world.one(idOf(TALK)).messages.find(({ text }) => text.includes("A nova caixa"))?.id ?? "";
  world.deliver(idOf(TALK), id, { state: "SENDING", detail: "" });
  await waitFor(() => expect(card.getByTestId("delivery-state").textContent).toBe("Enviando"));
  world.deliver(idOf(TALK), id, { state: "SENT" });
  await waitFor(() => expect(card.getByTestId("delivery-state").textContent).toBe("Enviada"));
});

test("history quoted in HTML is folded and can be unfolded", async () => {
  const { user } = await openApp({ path: pageOf(TALK), seeds: [TALK] });
  await screen.findByTestId("toggle-quoted");
  const frame = () =>
    screen
      .getAllByTestId<HTMLIFrameElement>("message-frame")
      .map(({ srcdoc }) => srcdoc)
      .find((html) => html.includes("O código é 7898"));
  expect(frame()).not.toContain("Sinto muito pelo transtorno");
  await user.click(screen.getByTestId("toggle-quoted"));
  expect(frame()).toContain("Sinto muito pelo transtorno");
});

test("history quoted in plain text is folded and can be unfolded", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  await screen.findByTestId("timeline");
  const text = "Segue a foto.\n\nEm 20 de nov., Loja escreveu:\n> Bom dia!\n\nAbraço,\nRenata";
  const stored = world.one(idOf(MINE));
  stored.messages = stored.messages.map((one) => ({
    ...one,
    html: "",
    text,
    newText: "Segue a foto.\n\nAbraço,\nRenata",
  }));
  world.receive(idOf(MINE), "Mais uma.");
  const card = await withText("Segue a foto");
  expect(card.getByTestId("message-text").textContent).not.toContain("Loja escreveu");
  expect(card.getByTestId("message-text").textContent).toContain("Abraço,");
  await user.click(card.getByTestId("toggle-quoted"));
  expect(card.getByTestId("message-text").textContent).toContain("> Bom dia!");
});

test("a message tells why it joined, loudest where only the protocol says so", async () => {
  await openApp({ path: pageOf(TALK), seeds: [TALK] });
  expect((await withText("Fico no aguardo")).getByTestId("joined-by").textContent).toMatch(
    /traz o protocolo no assunto/,
  );
  const labels = screen.getAllByTestId("joined-by").map((mark) => mark.getAttribute("aria-label"));
  expect(labels.some((label) => label?.includes("foi enviada ao endereço de resposta"))).toBe(true);
});

test("blind copies are shown to us, and the ticket before is a link away", async () => {
  await openApp({ path: pageOf(TALK), seeds: [TALK] });
  expect(await withText("Cco: qualidade@demo.guiche")).toBeTruthy();
  expect(screen.getByTestId("link-PREVIOUS").getAttribute("href")).toMatch(/^\/tickets\//);
});

test("who has started a ticket by keyboard is where it is answered", async () => {
  const free: Seed = { ...MINE, status: "OPEN", holder: null };
  const { user } = await openApp({ path: pageOf(free), seeds: [free] });
  (await screen.findByTestId("start-button")).focus();
  await user.keyboard("{Enter}");
  await waitFor(() => expect(screen.queryByTestId("start-button")).toBeNull());
  await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("open-reply")));
});

test("waiting is decided in one dialog: who sees the ticket, and until when", async () => {
  const bodies: unknown[] = [];
  const { user, world } = await openApp({
    path: pageOf(MINE),
    seeds: [MINE],
    intercept: async (request) => {
      if (request.url.endsWith(":awaitReply")) bodies.push(await request.json());
      return undefined;
    },
  });
  await user.click(await screen.findByTestId("verb-awaitReply"));
  await user.click(await screen.findByLabelText(/^Liberar/));
  await user.click(screen.getByLabelText("Amanhã, 9h"));
  await user.click(screen.getByTestId("await-submit"));
  await waitFor(() => expect(screen.getByTestId("ticket-status").textContent).toBe("Aguardando resposta"));
  expect(bodies).toEqual([{ mode: "RELEASE", until: expect.stringMatching(/Z$/) as string }]);
  expect(screen.getByTestId("ticket-released")).toBeTruthy();
  expect(screen.getByTestId("ticket-awaiting").textContent).toMatch(/Resposta do cliente.*em \d+ h/);
  expect(world.one(idOf(MINE)).ticket.released).toBe(true);
});

test("a wait that ends in the past is refused before it is sent", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  await user.click(await screen.findByTestId("verb-awaitReply"));
  await user.click(await screen.findByLabelText("Escolher…"));
  await user.type(screen.getByTestId("until-at"), "2020-01-01T10:00");
  await user.click(screen.getByTestId("await-submit"));
  expect(await screen.findByText("Escolha um momento no futuro, até um ano.")).toBeTruthy();
  expect(world.requests.some((request) => request.endsWith(":awaitReply"))).toBe(false);
});

test("concluding asks for exactly what is missing and concludes in the same step", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  await user.click(await screen.findByTestId("verb-conclude"));
  const dialog = within(await screen.findByTestId("closing-dialog"));
  await user.click(await dialog.findByTestId("service-type"));
  await user.click(await option("Troca e devolução"));
  await user.type(dialog.getByLabelText(/Número do pedido/), "884213");
  await user.type(dialog.getByLabelText(/Valor a devolver/), "1.234,50");
  await user.click(dialog.getByTestId("closing-submit"));
  const missing = await dialog.findByTestId("missing-fields");
  expect(
    within(missing)
      .getAllByRole("listitem")
      .map((item) => item.textContent),
  ).toEqual(["Motivo"]);
  expect(dialog.getByLabelText(/Número do pedido/)).toHaveProperty("value", "884213");
  await user.click(dialog.getByLabelText(/Motivo/));
  await user.click(await option("Produto com defeito"));
  await user.click(dialog.getByTestId("closing-submit"));
  await waitFor(() => expect(window.location.pathname).toBe("/"));
  const { status, serviceTypeData } = world.one(idOf(MINE)).ticket;
  expect(status).toBe("CLOSED");
  expect(serviceTypeData).toContainEqual({ fieldId: FIELDS.refund, value: "1234.50" });
});

test("what was typed for closing survives a server that does not answer", async () => {
  const failures = [problem(503, "UNAVAILABLE")];
  const { user, world } = await openApp({
    path: pageOf(MINE),
    seeds: [MINE],
    intercept: (request) => (request.url.endsWith(":conclude") ? failures.shift() : undefined),
  });
  await user.click(await screen.findByTestId("verb-conclude"));
  const dialog = within(await screen.findByTestId("closing-dialog"));
  await user.click(await dialog.findByTestId("service-type"));
  await user.click(await option("Dúvida"));
  await user.click(dialog.getByTestId("closing-submit"));
  expect(await screen.findByText(/fora do ar/)).toBeTruthy();
  await user.click(dialog.getByTestId("closing-submit"));
  await waitFor(() => expect(world.one(idOf(MINE)).ticket.status).toBe("CLOSED"));
  expect(world.one(idOf(MINE)).ticket.serviceType?.name).toBe("Dúvida");
});

test("what is emptied while closing is missing, and the type cannot be slipped off", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  const [type] = SERVICE_TYPES;
  const reason = type?.fields.find(({ id }) => id === FIELDS.reason)?.choices[0]?.id ?? "";
  await screen.findByTestId("verb-conclude");
  world.change(world.one(idOf(MINE)), "serviceTypeSet", {
    serviceType: { id: type?.id ?? "", name: type?.name ?? "" },
    serviceTypeData: [
      { fieldId: FIELDS.order, value: "884213" },
      { fieldId: FIELDS.reason, value: reason },
    ],
  });
  expect(await screen.findByText("884213")).toBeTruthy();
  await user.click(screen.getByTestId("verb-conclude"));
  const dialog = within(await screen.findByTestId("closing-dialog"));
  await user.clear(await dialog.findByLabelText(/Número do pedido/));
  expect(dialog.queryByLabelText("Não informado")).toBeNull();
  await user.click(dialog.getByTestId("closing-submit"));
  expect((await dialog.findByTestId("missing-fields")).textContent).toMatch(/Número do pedido/);
  expect(world.one(idOf(MINE)).ticket.status).toBe("STARTED");
});

test("setting the status to closed by hand asks first, as the other doors do, and passes the same gate", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  const [head] = await screen.findAllByTestId("status-menu");
  if (head) await user.click(head);
  await user.click(await screen.findByTestId("set-status-CLOSED"));
  const dialog = within(await screen.findByTestId("closing-dialog"));
  const submit = await dialog.findByTestId("closing-submit");
  expect(world.requests.some((request) => request.endsWith(":setStatus"))).toBe(false);
  expect([dialog.getByRole("heading").textContent, submit.textContent]).toEqual(["Finalizar o ticket", "Finalizar"]);
  await user.click(submit);
  expect(await dialog.findByTestId("missing-fields")).toBeTruthy();
  await user.click(dialog.getByTestId("service-type"));
  await user.click(await option("Dúvida"));
  await user.click(submit);
  await waitFor(() => expect(window.location.pathname).toBe("/"));
  expect(world.one(idOf(MINE)).ticket.status).toBe("CLOSED");
});

test("a ticket that needs nothing more is not closed by choosing the status alone either", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  const type = SERVICE_TYPES.find(({ name }) => name === "Dúvida");
  await screen.findByTestId("verb-conclude");
  world.change(world.one(idOf(MINE)), "serviceTypeSet", {
    serviceType: { id: type?.id ?? "", name: type?.name ?? "" },
  });
  await screen.findByText("Dúvida");
  const [head] = await screen.findAllByTestId("status-menu");
  if (head) await user.click(head);
  await user.click(await screen.findByTestId("set-status-CLOSED"));
  const dialog = within(await screen.findByTestId("closing-dialog"));
  await user.click(await dialog.findByRole("button", { name: "Cancelar" }));
  await waitFor(() => expect(screen.queryByTestId("closing-dialog")).toBeNull());
  expect(world.one(idOf(MINE)).ticket.status).toBe("STARTED");
});

test("status and priority change where they stand", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  const [status] = await screen.findAllByTestId("status-menu");
  if (status) await user.click(status);
  await user.click(await screen.findByTestId("set-status-RESOLVED"));
  await waitFor(() => expect(screen.getByTestId("ticket-status").textContent).toBe("Resolvido"));
  const [priority] = screen.getAllByTestId("priority-menu");
  if (priority) await user.click(priority);
  await user.click(await screen.findByTestId("set-priority-LOW"));
  await waitFor(() => expect(world.one(idOf(MINE)).ticket.priority).toBe("LOW"));
});

test("the service type and its data are given in the facts", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  await user.click(await screen.findByTestId("edit-service-type"));
  const dialog = within(await screen.findByTestId("service-type-dialog"));
  await user.click(await dialog.findByTestId("service-type"));
  await user.click(await option("Troca e devolução"));
  await user.type(dialog.getByLabelText(/Valor a devolver/), "muito");
  await user.click(dialog.getByTestId("service-type-submit"));
  expect(await dialog.findByText(/Use um número/)).toBeTruthy();
  await user.clear(dialog.getByLabelText(/Valor a devolver/));
  await user.type(dialog.getByLabelText(/Valor a devolver/), "10,5");
  await user.click(dialog.getByTestId("service-type-submit"));
  await waitFor(() => expect(screen.getByTestId("ticket-service-type").textContent).toBe("Troca e devolução"));
  expect(await screen.findByText("Faltam 2 campos obrigatórios")).toBeTruthy();
  expect(world.one(idOf(MINE)).ticket.serviceTypeData).toEqual([{ fieldId: FIELDS.refund, value: "10.5" }]);
});

test("a service type that is offered no more is there before its data can be changed", async () => {
  const old = { ...SERVICE_TYPES[0], id: "00000000-0000-7000-8000-000000000077", name: "Garantia", active: false };
  let up = false;
  const { user, world } = await openApp({
    path: pageOf(MINE),
    seeds: [MINE],
    intercept: (request) => {
      if (!request.url.endsWith(`/serviceTypes/${old.id}`)) return undefined;
      return up ? Response.json(old) : problem(404, "SERVICE_TYPE_NOT_FOUND");
    },
  });
  const stored = world.one(idOf(MINE));
  await screen.findByTestId("edit-service-type");
  world.change(stored, "serviceTypeSet", {
    serviceType: { id: old.id, name: old.name },
    serviceTypeData: [{ fieldId: FIELDS.order, value: "884213" }],
  });
  await screen.findByText("Garantia");
  await user.click(screen.getByTestId("edit-service-type"));
  const dialog = within(await screen.findByTestId("service-type-dialog"));
  const again = await dialog.findByRole("button", { name: /Tentar de novo/ });
  expect(dialog.queryByTestId("service-type-submit")).toBeNull();
  up = true;
  await user.click(again);
  expect(await dialog.findByLabelText(/Número do pedido/)).toHaveProperty("value", "884213");
});

test("a verb that came too late is told in words, and the page shows how things stand", async () => {
  const { user, world } = await openApp({
    path: pageOf(MINE),
    seeds: [MINE],
    intercept: (request) =>
      request.url.endsWith(":release") ? problem(409, "TRANSITION_NOT_ALLOWED", { allowedVerbs: [] }) : undefined,
  });
  await user.click(await screen.findByTestId("verb-more"));
  world.requests.length = 0;
  await user.click(await screen.findByTestId("verb-release"));
  expect(await screen.findByText("O ticket não está mais em um status que permita isto.")).toBeTruthy();
  await waitFor(() => expect(world.requests).toContain(`GET /tickets/${idOf(MINE)}`));
});

test("an answer that is older than what is known changes nothing", async () => {
  const old: { ticket?: Ticket } = {};
  const { user, world } = await openApp({
    path: pageOf(MINE),
    seeds: [MINE],
    intercept: (request) => (request.url.endsWith(":setPriority") ? Response.json(old.ticket) : undefined),
  });
  await screen.findByTestId("ticket-status");
  old.ticket = { ...world.shown("ana", world.one(idOf(MINE))), subject: "O assunto de antes" };
  world.change(world.one(idOf(MINE)), "statusSet", { status: "RESOLVED" });
  await waitFor(() => expect(screen.getByTestId("ticket-status").textContent).toBe("Resolvido"));
  const seen: string[] = [];
  const watching = new MutationObserver(() =>
    seen.push(screen.queryByRole("heading", { level: 1 })?.textContent ?? ""),
  );
  watching.observe(document.body, { subtree: true, childList: true, characterData: true });
  const [priority] = screen.getAllByTestId("priority-menu");
  if (priority) await user.click(priority);
  world.requests.length = 0;
  await user.click(await screen.findByTestId("set-priority-LOW"));
  await waitFor(() => expect(world.requests).toContain(`GET /tickets/${idOf(MINE)}`));
  watching.disconnect();
  expect(seen).not.toContain("O assunto de antes");
  expect(screen.getByTestId("ticket-status").textContent).toBe("Resolvido");
});

test("a customer's new message appears on the open page", async () => {
  const { world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  await screen.findByTestId("timeline");
  world.receive(idOf(MINE), "Alguma novidade?");
  expect(await screen.findByText("Alguma novidade?")).toBeTruthy();
  expect(await screen.findByText("Nova mensagem")).toBeTruthy();
});

test("rows of the queue tell new messages, releases and the end of a wait", async () => {
  const { world } = await openApp({ seeds: [MINE] });
  await screen.findByTestId("queue-row");
  const until = new Date(Date.now() + 3 * 86_400_000).toISOString();
  const awaiting = { customer: true, until };
  world.change(world.one(idOf(MINE)), "awaited", { status: "PENDING", released: true, newMessage: true, awaiting });
  expect(await screen.findByTestId("new-message")).toBeTruthy();
  expect((await screen.findByTestId("released")).getAttribute("aria-label")).toBe("Liberado para a fila");
  expect(screen.getByTestId("awaited-until").textContent).toMatch(/^\d\d\/\d\d/);
});
