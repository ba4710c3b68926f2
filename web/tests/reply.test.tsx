import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { makeTicket, type Seed } from "../mock/data";
import { problem } from "../mock/world";
import type { ReplyRequest } from "@/api/types";
import { FakeXhr, openApp, writtenBefore } from "./app";

const MINE: Seed = { number: 4, minutesAgo: 30, level: "n1", status: "STARTED", holder: "ana", subject: "Entrega" };
const { id: TICKET, lastMessageId: FIRST } = makeTicket(MINE).ticket;
const PAGE = `/tickets/${TICKET}`;

const openMine = (intercept?: (request: Request) => Response | undefined) =>
  openApp({ path: PAGE, seeds: [MINE], ...(intercept && { intercept }) });

/** Whatever the pages send, in the order they send it. */
function watched() {
  const replies: { key: string; body: ReplyRequest }[] = [];
  const refusals: Response[] = [];
  const intercept = async (request: Request): Promise<Response | undefined> => {
    if (!request.url.endsWith(":reply")) return undefined;
    const key = request.headers.get("Idempotency-Key") ?? "";
    replies.push({ key, body: (await request.json()) as ReplyRequest });
    return refusals.shift();
  };
  return { replies, refusals, intercept };
}

const option = (name: string) => screen.findByRole("option", { name, hidden: true });

async function sendAs(user: Awaited<ReturnType<typeof openApp>>["user"], status: string): Promise<void> {
  await user.click(await screen.findByTestId("send-as"));
  await user.click(await screen.findByTestId(`send-as-${status}`));
  await user.click(screen.getByTestId("send"));
}

test.each([
  ["OPEN", undefined],
  ["PENDING", { mode: "FOLLOW", until: null }],
  ["RESOLVED", undefined],
])("a reply is sent as %s, to whom the page shows, and the draft is gone", async (status, awaiting) => {
  const { replies, intercept } = watched();
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user, world } = await openApp({ path: PAGE, seeds: [MINE], intercept });
  await sendAs(user, status);
  expect(await screen.findByText("Resposta na fila de envio.")).toBeTruthy();
  const body = replies[0]?.body;
  expect(body?.thenStatus).toBe(status);
  expect(body?.awaiting).toEqual(awaiting);
  expect(body?.seenUpTo).toBe(FIRST);
  expect(body?.to).toEqual(
    world.one(TICKET).messages[0]?.sender?.email ? [world.one(TICKET).messages[0]?.sender?.email] : [],
  );
  expect(body?.subject).toBe("Re: Entrega");
  expect([body?.text, body?.html]).toEqual(["Segue a segunda via.", "<p>Segue a segunda via.</p>"]);
  expect(localStorage.getItem(Object.keys(localStorage).find((key) => key.includes("draft")) ?? "")).toBeNull();
  await waitFor(() => expect(world.one(TICKET).ticket.status).toBe(status));
  expect((await screen.findAllByTestId("delivery-state"))[0]?.textContent).toBe("Na fila");
});

test("a reply that waits can release the ticket and end the wait", async () => {
  const { replies, intercept } = watched();
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user } = await openApp({ path: PAGE, seeds: [MINE], intercept });
  await user.click(await screen.findByTestId("await-choice"));
  await user.click(await screen.findByLabelText(/^Liberar/));
  await user.click(screen.getByLabelText("Em 3 dias"));
  await user.click(screen.getByTestId("send"));
  await waitFor(() => expect(replies).toHaveLength(1));
  expect(replies[0]?.body.awaiting?.mode).toBe("RELEASE");
  expect(Date.parse(replies[0]?.body.awaiting?.until ?? "")).toBeGreaterThan(Date.now() + 2 * 86_400_000);
});

test("sending as closed asks for what is missing and closes in the same step, back to the queue", async () => {
  const { replies, intercept } = watched();
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user, world } = await openApp({ path: PAGE, seeds: [MINE], intercept });
  await sendAs(user, "CLOSED");
  const dialog = within(await screen.findByTestId("closing-dialog"));
  expect(within(await dialog.findByTestId("missing-fields")).getByText("O tipo de atendimento")).toBeTruthy();
  await user.click(dialog.getByTestId("service-type"));
  await user.click(await option("Troca e devolução"));
  await user.click(dialog.getByTestId("closing-submit"));
  expect((await dialog.findByTestId("missing-fields")).textContent).toMatch(/Número do pedido.*Motivo/);
  await user.type(dialog.getByLabelText(/Número do pedido/), "884213");
  await user.click(dialog.getByLabelText(/Motivo/));
  await user.click(await option("Arrependimento"));
  await user.click(dialog.getByTestId("closing-submit"));
  await waitFor(() => expect(window.location.pathname).toBe("/"));
  expect(world.one(TICKET).ticket.status).toBe("CLOSED");
  expect(world.sent).toHaveLength(1);
  expect(new Set(replies.map(({ key }) => key)).size).toBe(1);
});

test("what arrived since the writing began is told live, and told again where sending is tried all the same", async () => {
  const { replies, intercept } = watched();
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user, world } = await openApp({ path: PAGE, seeds: [MINE], intercept });
  await screen.findByTestId("send");
  expect(screen.queryByTestId("arrived")).toBeNull();
  const newest = world.receive(TICKET, "Esqueci de dizer: viajo amanhã.");
  const notice = await screen.findByTestId("arrived");
  expect(notice.textContent).toContain("Chegou uma mensagem depois que você começou a escrever");
  expect(notice.textContent).toContain("Esqueci de dizer: viajo amanhã.");
  await user.click(screen.getByTestId("send"));
  await user.click(await screen.findByTestId("send-anyway"));
  await waitFor(() => expect(world.sent).toHaveLength(1));
  expect(replies.map(({ body }) => body.seenUpTo)).toEqual([FIRST, newest]);
  expect(replies[0]?.key).toBe(replies[1]?.key);
});

test("a customer's new message brings the recipients up to date", async () => {
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { world } = await openMine();
  await screen.findByTestId("send");
  const [first] = world.one(TICKET).messages;
  if (first?.sender) first.sender = { name: "", email: "outro.endereco@exemplo.com.br" };
  world.receive(TICKET, "Agora escrevo daqui.");
  expect(await within(screen.getByTestId("reply-box")).findByText("outro.endereco@exemplo.com.br")).toBeTruthy();
});

test("what the writer says to have read is no reason to be warned", async () => {
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user, world } = await openMine();
  await screen.findByTestId("send");
  world.receive(TICKET, "Mais uma coisa.");
  await user.click(await screen.findByTestId("arrived-seen"));
  await waitFor(() => expect(screen.queryByTestId("arrived")).toBeNull());
  await user.click(screen.getByTestId("send"));
  await waitFor(() => expect(world.sent).toHaveLength(1));
});

test("a retry of the same content is the same request, changed content is another", async () => {
  const { replies, refusals, intercept } = watched();
  refusals.push(problem(503, "UNAVAILABLE"), problem(503, "UNAVAILABLE"));
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user, world } = await openApp({ path: PAGE, seeds: [MINE], intercept });
  await user.click(await screen.findByTestId("send"));
  await waitFor(() => expect(screen.getByTestId("reply-error").textContent).toMatch(/fora do ar/));
  await user.click(screen.getByTestId("send"));
  await waitFor(() => expect(replies).toHaveLength(2));
  await user.click(screen.getByTestId("show-subject"));
  await user.type(screen.getByTestId("reply-subject"), "!");
  await user.click(screen.getByTestId("send"));
  await waitFor(() => expect(world.sent).toHaveLength(1));
  const [first, second, third] = replies.map(({ key }) => key);
  expect(first).toMatch(/^[0-9a-f-]{36}$/);
  expect(second).toBe(first);
  expect(third).not.toBe(first);
});

test("a refused address is named at its field and nothing that was written is lost", async () => {
  const { refusals, intercept } = watched();
  const errors = [{ pointer: "/to/0", code: "RECIPIENT_INVALID", detail: "" }];
  refusals.push(problem(400, "RECIPIENT_INVALID", { errors }));
  writtenBefore(TICKET, { seenUpTo: FIRST, to: ["ana@exemplo.com.br"] });
  const { user } = await openApp({ path: PAGE, seeds: [MINE], intercept });
  await user.click(await screen.findByTestId("send"));
  expect(await screen.findByText("Não é um endereço de e-mail: ana@exemplo.com.br")).toBeTruthy();
  expect((await screen.findByTestId("reply-text")).textContent).toBe("Segue a segunda via.");
});

test("an address that cannot be one stops the sending before the server is asked", async () => {
  const { replies, intercept } = watched();
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user } = await openApp({ path: PAGE, seeds: [MINE], intercept });
  await user.click(await screen.findByTestId("show-copies"));
  await user.type(screen.getByTestId("reply-cc"), "Gerência <gerencia@exemplo.com.br>,");
  await user.type(screen.getByTestId("reply-bcc"), "sem arroba,");
  await user.click(screen.getByTestId("send"));
  expect(await screen.findByText("Não é um endereço de e-mail: sem arroba")).toBeTruthy();
  expect(screen.getByText("gerencia@exemplo.com.br")).toBeTruthy();
  expect(replies).toEqual([]);
});

test("a reply is sent as what the ticket's status is called afterwards", async () => {
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user } = await openMine();
  const button = await screen.findByTestId("send");
  const name = button.textContent.replace("Enviar como ", "");
  await user.click(button);
  await waitFor(() => expect(screen.getByTestId("ticket-status").dataset.status).toBe("PENDING"));
  expect(screen.getByTestId("ticket-status").textContent).toBe(name);
});

test("what was wrong with a reply is gone with it when it is discarded", async () => {
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user } = await openApp({ path: PAGE, seeds: [MINE] });
  await user.click(await screen.findByTestId("show-copies"));
  await user.type(screen.getByTestId("reply-cc"), "abc,");
  await user.click(screen.getByTestId("send"));
  await screen.findByText("Não é um endereço de e-mail: abc");
  await user.click(screen.getByTestId("discard"));
  await user.click(await screen.findByTestId("discard-yes"));
  await user.click(await screen.findByTestId("open-reply"));
  expect(screen.queryByText("Não é um endereço de e-mail: abc")).toBeNull();
  expect(screen.queryByTestId("reply-cc")).toBeNull();
  expect(screen.getByTestId("show-copies")).toBeTruthy();
  expect(screen.getByTestId("reply-error").textContent).toBe("");
});

const file = (name: string, size = 10) => new File([new Uint8Array(size)], name, { type: "application/pdf" });
const fileInput = () => document.querySelector<HTMLInputElement>("input[type=file]") as HTMLInputElement;

test("files show how far they have come, wait for each other, and go out with the reply", async () => {
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user, world } = await openMine();
  await screen.findByTestId("attach");
  FakeXhr.quick = false;
  await user.upload(fileInput(), [file("um.pdf"), file("dois.pdf"), file("três.pdf")]);
  await waitFor(() => expect(FakeXhr.sent).toHaveLength(2));
  const [first, second] = FakeXhr.sent;
  expect(decodeURIComponent(first?.headers.get("X-File-Name") ?? "")).toBe("um.pdf");
  first?.progress(4, 10);
  expect(await screen.findByText("Enviando 40%")).toBeTruthy();
  await user.click(screen.getByTestId("send"));
  expect(screen.getByTestId("reply-error").textContent).toBe("Espere os anexos terminarem de subir.");
  await first?.finish();
  await waitFor(() => expect(FakeXhr.sent).toHaveLength(3));
  await Promise.all([second?.finish(), FakeXhr.sent[2]?.finish()]);
  await waitFor(() => expect(screen.queryByText(/Enviando \d/)).toBeNull());
  await user.click(screen.getByTestId("send"));
  await waitFor(() => expect(world.sent).toHaveLength(1));
  expect((world.sent[0] as ReplyRequest).attachmentIds).toHaveLength(3);
});

test("a file that did not get through can be tried again or removed, and keeps the reply from going without it", async () => {
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user, world } = await openMine();
  await screen.findByTestId("attach");
  FakeXhr.quick = false;
  await user.upload(fileInput(), [file("nota.pdf"), file("vazio.pdf", 0)]);
  await waitFor(() => expect(FakeXhr.sent).toHaveLength(1));
  FakeXhr.sent[0]?.onerror?.();
  expect(await screen.findByText("Não subiu: a conexão caiu")).toBeTruthy();
  await user.click(screen.getByTestId("send"));
  expect(screen.getByTestId("reply-error").textContent).toMatch(/tente de novo ou remova/);
  await user.click(screen.getByLabelText("Remover vazio.pdf"));
  await user.click(screen.getByLabelText("Tentar de novo: nota.pdf"));
  await waitFor(() => expect(FakeXhr.sent).toHaveLength(2));
  await FakeXhr.sent[1]?.finish();
  await waitFor(() => expect(screen.queryByText(/Não subiu/)).toBeNull());
  await user.click(screen.getByTestId("send"));
  await waitFor(() => expect(world.sent).toHaveLength(1));
});

test("a file for which there was no room is sent once there is", async () => {
  writtenBefore(TICKET, { seenUpTo: FIRST });
  const { user } = await openMine();
  await screen.findByTestId("attach");
  FakeXhr.quick = false;
  await user.upload(fileInput(), [file("grande.pdf", 15_000_000), file("outro.pdf", 15_000_000)]);
  await waitFor(() => expect(FakeXhr.sent).toHaveLength(1));
  await user.click(screen.getByLabelText("Tentar de novo: outro.pdf"));
  expect(FakeXhr.sent).toHaveLength(1);
  await user.click(screen.getByLabelText("Remover grande.pdf"));
  await user.click(screen.getByLabelText("Tentar de novo: outro.pdf"));
  await waitFor(() => expect(FakeXhr.sent).toHaveLength(2));
});

test("what somebody else was writing in this browser is not shown to me", async () => {
  writtenBefore(TICKET, { html: "<p>Segredo do Bruno</p>" }, "bruno");
  await openMine();
  await screen.findByTestId("open-reply");
  expect(screen.queryByText("Segredo do Bruno")).toBeNull();
});

test("who may only read is told why there is nothing to write in", async () => {
  await openApp({ path: PAGE, seeds: [MINE], username: "carla" });
  expect((await screen.findByTestId("no-reply")).textContent).toBe("Ana Ribeiro está tratando este ticket.");
  expect(screen.queryByTestId("open-reply")).toBeNull();
});

test("what was written before the ticket was another's can be read, not changed", async () => {
  writtenBefore(TICKET, {}, "carla");
  await openApp({ path: PAGE, seeds: [MINE], username: "carla" });
  const text = await screen.findByTestId("reply-text");
  expect(text.textContent).toBe("Segue a segunda via.");
  expect(text.getAttribute("contenteditable")).toBe("false");
});

test("when the ticket leaves my sight, what I was writing is still there, and why is told", async () => {
  const free: Seed = { number: 1, minutesAgo: 5, level: "n1", status: "OPEN" };
  const { id } = makeTicket(free).ticket;
  writtenBefore(id, {});
  const { world } = await openApp({ path: `/tickets/${id}`, seeds: [free] });
  await screen.findByTestId("reply-text");
  world.startAs("bruno", id);
  const gone = await screen.findByTestId("ticket-gone");
  expect(within(gone).getByTestId("kept-draft").textContent).toContain("Segue a segunda via.");
  expect(gone.textContent).toContain("Outra pessoa iniciou este ticket.");
});
