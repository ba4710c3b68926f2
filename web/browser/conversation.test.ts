import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { makeTicket } from "../mock/data.ts";
import { CONVERSATION_TICKET } from "../mock/plugin.ts";
import { base, DESKTOP, open, PHONE, profile, signIn, violations } from "./harness.ts";

const TALK = makeTicket({ number: CONVERSATION_TICKET, minutesAgo: 0 }).ticket.id;

interface Sent {
  text: string;
  html: string;
  thenStatus: string;
  attachmentIds: string[];
}

const sent = async (): Promise<Sent[]> => (await (await fetch(`${base}/mock/sent`)).json()) as Sent[];

/** A ticket of Ana's own, started, with the reply box open. */
async function answering(page: Page): Promise<string> {
  const id = await open();
  await signIn(page, "ana", `/tickets/${id}`);
  await page.getByTestId("start-button").click();
  await page.getByTestId("verb-conclude").waitFor();
  await page.getByTestId("open-reply").click();
  // It takes the keyboard by itself; what is typed before goes nowhere.
  await page.locator("[data-testid=reply-text]:focus").waitFor();
  return id;
}

describe.each(["light", "dark"] as const)("in the %s theme", (colorScheme) => {
  test.each([
    ["a desktop", DESKTOP],
    ["a phone", PHONE],
  ])("a whole conversation, its reply box and its dialogs on %s pass axe", async (_name, viewport) => {
    const page = await (await profile({ viewport, colorScheme, reducedMotion: "reduce" })).newPage();
    await signIn(page, "ana", `/tickets/${TALK}`);
    await page.getByTestId("timeline").waitFor();
    await page.getByTestId("unfold-message").first().click();
    expect.soft(await violations(page)).toEqual([]);
    await page.getByTestId("open-reply").click();
    await page.getByTestId("reply-text").fill("Boa tarde!");
    await page.getByTestId("show-copies").click();
    await page.getByTestId("send-as").waitFor();
    expect.soft(await violations(page)).toEqual([]);
    await page.getByTestId("await-choice").click();
    await page.getByText("Em 1 semana").waitFor();
    expect.soft(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByTestId("collapse-reply").click();
    await page.getByTestId("verb-conclude").click();
    await page.getByTestId("closing-submit").click();
    await page.getByTestId("missing-fields").waitFor();
    expect.soft(await violations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  });
});

test("a reply is written with formatting, sent by the keyboard, and its delivery followed", async () => {
  const page = await (await profile()).newPage();
  const id = await answering(page);
  await page.keyboard.type("Bom dia! ");
  await page.keyboard.press("Control+b");
  await page.keyboard.type("Segue");
  await page.keyboard.press("Control+b");
  await page.keyboard.press("Enter");
  await page.keyboard.type("- segunda via");
  await page.keyboard.press("Control+Enter");
  await page.getByText("Resposta na fila de envio.").waitFor();
  const mine = (await sent()).at(-1);
  expect(mine?.html).toBe("<p>Bom dia! <strong>Segue</strong></p><ul><li><p>segunda via</p></li></ul>");
  expect(mine?.text).toBe("Bom dia! Segue\n\n- segunda via");
  const card = page.locator("[data-testid=message][data-direction=OUT]").last();
  await card.getByText("Na fila").waitFor();
  const messageId = (await card.getAttribute("data-message-id")) ?? "";
  await fetch(`${base}/mock/delivered/${id}/${messageId}`);
  await card.getByText("Enviada", { exact: true }).waitFor();
});

test("what is being written survives a reload and is gone once it is sent", async () => {
  const page = await (await profile()).newPage();
  await answering(page);
  await page.keyboard.type("Um texto que não pode se perder");
  await page.reload();
  await page.getByTestId("reply-text").getByText("Um texto que não pode se perder").waitFor();
  await page.getByTestId("send").click();
  await page.getByText("Resposta na fila de envio.").waitFor();
  await page.reload();
  await page.getByTestId("open-reply").waitFor();
  expect(await page.getByTestId("reply-text").count()).toBe(0);
});

test("an upload goes on while the reply is folded to read", async () => {
  const page = await (await profile()).newPage();
  await answering(page);
  await page.keyboard.type("Em anexo.");
  let go = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  await page.route("**/attachments", async (route) => {
    await held;
    await route.continue();
  });
  const chooser = page.waitForEvent("filechooser");
  await page.getByTestId("attach").click();
  await (await chooser).setFiles([{ name: "foto.png", mimeType: "image/png", buffer: Buffer.from("PNG") }]);
  await page.getByTestId("draft-file").waitFor();
  await page.getByTestId("collapse-reply").click();
  go();
  await page.getByTestId("open-reply").click();
  await expect.poll(() => page.getByText(/Enviando \d/).count()).toBe(0);
  expect(await page.getByTestId("draft-file").textContent()).toContain("foto.png");
});

test("files come by button, by drop and by paste, and leave with the reply", async () => {
  const page = await (await profile()).newPage();
  await answering(page);
  await page.keyboard.type("Em anexo.");
  const chooser = page.waitForEvent("filechooser");
  await page.getByTestId("attach").click();
  await (await chooser).setFiles([{ name: "nota ção.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF") }]);
  await page.getByText("nota ção.pdf").waitFor();
  await page.getByTestId("reply-text").evaluate((element) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["a"], "solto.txt", { type: "text/plain" }));
    element.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    const clipboard = new DataTransfer();
    clipboard.items.add(new File(["b"], "colado.png", { type: "image/png" }));
    element.dispatchEvent(new ClipboardEvent("paste", { clipboardData: clipboard, bubbles: true, cancelable: true }));
  });
  await page.getByText("solto.txt").waitFor();
  await page.getByText("colado.png").waitFor();
  await expect.poll(() => page.getByText(/Enviando \d/).count()).toBe(0);
  await page.getByTestId("send").click();
  await page.getByText("Resposta na fila de envio.").waitFor();
  expect((await sent()).at(-1)?.attachmentIds).toHaveLength(3);
});

test("an upload that the server refuses is told at the file, and the text stays", async () => {
  const context = await profile();
  const page = await context.newPage();
  await answering(page);
  await page.keyboard.type("Em anexo.");
  await page.route("**/attachments", (route) =>
    route.fulfill({
      status: 413,
      contentType: "application/problem+json",
      body: JSON.stringify({ code: "ATTACHMENT_TOO_LARGE", status: 413, title: "", detail: "", errors: [] }),
    }),
  );
  const chooser = page.waitForEvent("filechooser");
  await page.getByTestId("attach").click();
  await (await chooser).setFiles([{ name: "grande.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF") }]);
  await page.getByText("Não subiu: o arquivo passa do limite de tamanho").waitFor();
  await page.unroute("**/attachments");
  await page.getByTestId("retry-upload").click();
  await expect.poll(() => page.getByText(/Não subiu/).count()).toBe(0);
  expect(await page.getByTestId("reply-text").textContent()).toBe("Em anexo.");
});

test("a message that arrives while one writes is told at once and shown on a press", async () => {
  const page = await (await profile()).newPage();
  const id = await answering(page);
  await page.keyboard.type("Já vou responder");
  await fetch(`${base}/mock/receive/${id}`);
  await page.getByTestId("arrived").getByText("Chegou uma mensagem depois que você começou a escrever").waitFor();
  await page.getByTestId("arrived-look").click();
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.textContent ?? ""))
    .toContain("é urgente, viajo amanhã");
  expect(await page.getByTestId("reply-text").textContent()).toBe("Já vou responder");
});

test("a long conversation opens at what is newest", async () => {
  const page = await (await profile()).newPage();
  await signIn(page, "ana", `/tickets/${TALK}`);
  const newest = page.getByText("Obrigada! Fico no aguardo.");
  await expect
    .poll(async () => {
      const box = await newest.boundingBox();
      return box !== null && box.y > 100 && box.y < 900;
    })
    .toBe(true);
});

test("on a phone one starts, answers and releases with the thumb", async () => {
  const page = await (await profile({ viewport: PHONE, hasTouch: true, isMobile: true })).newPage();
  const id = await open();
  await signIn(page, "ana", `/tickets/${id}`);
  await page.getByTestId("start-button").tap();
  await page.getByTestId("verb-conclude").waitFor();
  await page.getByTestId("open-reply").tap();
  await page.getByTestId("reply-text").fill("Pelo celular");
  await page.getByTestId("send-as").tap();
  await page.getByTestId("send-as-OPEN").tap();
  await page.getByTestId("send").tap();
  await page.getByText("Resposta na fila de envio.").waitFor();
  await page.getByTestId("verb-more").tap();
  await page.getByTestId("verb-release").tap();
  await page.getByText("Ticket liberado: a fila já pode vê-lo e assumi-lo.").waitFor();
});
