import type { BrowserContext, Page } from "playwright-core";
import { expect, test } from "vitest";
import { base, open, profile, signIn } from "./harness.ts";

const NO_ANSWER = "Sem resposta do servidor. Verifique a conexão e tente de novo.";

/** A page of one's own, with a ticket that has just been started. */
async function started(): Promise<{ context: BrowserContext; page: Page }> {
  const context = await profile({}, true);
  const page = await context.newPage();
  const id = await open();
  await signIn(page, "ana", `/tickets/${id}`);
  await page.getByTestId("start-button").click();
  await page.getByTestId("verb-conclude").waitFor();
  return { context, page };
}

test("what was tried without a connection fails at once, and is not done behind one's back afterwards", async () => {
  const { context, page } = await started();
  await page.getByTestId("verb-conclude").click();
  await page.getByTestId("service-type").click();
  await page.getByRole("option", { name: "Dúvida" }).click();

  const attempts: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith(":conclude")) attempts.push(request.url());
  });
  await context.setOffline(true);
  await page.getByTestId("closing-submit").click();
  await page.getByText(NO_ANSWER).waitFor();
  expect(await page.getByTestId("closing-dialog").isVisible()).toBe(true);
  await page.keyboard.press("Escape");
  await page.getByTestId("closing-dialog").waitFor({ state: "detached" });
  expect(attempts).toHaveLength(1);

  await context.setOffline(false);
  // Something done afterwards has come through: what was given up had its chance before it.
  await page.getByTestId("priority-menu").first().click();
  await page.getByTestId("set-priority-LOW").click();
  await page.getByTestId("priority-menu").first().getByText("Baixa").waitFor();
  expect(attempts).toHaveLength(1);
  expect(await page.getByTestId("ticket-status").getAttribute("data-status")).toBe("STARTED");
});

test("a dialog that is opened without a connection says so, and is there when it is back", async () => {
  const { context, page } = await started();
  await context.setOffline(true);
  await page.getByTestId("verb-conclude").click();
  const dialog = page.getByTestId("closing-dialog");
  await dialog.getByText(NO_ANSWER).waitFor();
  await context.setOffline(false);
  await dialog.getByTestId("closing-submit").waitFor();
});

test("a queue that could not be read without a connection is read when it is back", async () => {
  const context = await profile({}, true);
  const page = await context.newPage();
  await signIn(page);
  await page.getByTestId("queue-row").first().waitFor();
  await context.setOffline(true);
  await page.getByTestId("status-STARTED").click();
  await page.getByText(NO_ANSWER).waitFor();
  await context.setOffline(false);
  await page.getByTestId("queue-row").first().waitFor();
  expect(page.url()).toBe(`${base}/?status=STARTED`);
});
