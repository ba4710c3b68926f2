import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { CONVERSATION_TICKET } from "../mock/plugin.ts";
import { makeTicket } from "../mock/data.ts";
import { base, open, PHONE, profile, row, signIn, violations } from "./harness.ts";

const TALK = makeTicket({ number: CONVERSATION_TICKET, minutesAgo: 0 }).ticket.id;

async function boxOf(place: Locator): Promise<{ x: number; y: number; right: number; bottom: number }> {
  const box = await place.boundingBox();
  if (!box) throw new Error("not shown");
  return { x: box.x, y: box.y, right: box.x + box.width, bottom: box.y + box.height };
}

/** Whether a text is shown to its last letter. */
const isWhole = (place: Locator) => place.evaluate((element) => element.scrollWidth <= element.clientWidth);

async function overlaps(one: Locator, other: Locator): Promise<boolean> {
  const [a, b] = [await boxOf(one), await boxOf(other)];
  return a.x < b.right && b.x < a.right && a.y < b.bottom && b.y < a.bottom;
}

describe.each(["light", "dark"] as const)("in the %s theme", (colorScheme) => {
  test("discarding is asked with whole words, with nothing drawn over them", async () => {
    const page = await (await profile({ colorScheme, reducedMotion: "reduce" })).newPage();
    await signIn(page, "ana", `/tickets/${TALK}`);
    await page.getByTestId("open-reply").click();
    await page.getByTestId("reply-text").fill("Boa tarde!");
    const tooltip = page.getByRole("tooltip");
    await page.getByTestId("discard").hover();
    await tooltip.waitFor();
    await page.getByTestId("discard").click();
    const yes = page.getByTestId("discard-yes");
    await yes.waitFor();
    const keep = page.getByRole("button", { name: "Continuar escrevendo" });
    for (const label of [yes, keep]) expect(await isWhole(label.locator(".mantine-Button-label"))).toBe(true);
    expect.soft(await violations(page)).toEqual([]);
    // The pointer rests on the bin still.
    await expect.poll(() => tooltip.count()).toBe(0);
    await keep.click();
    expect(await page.getByTestId("reply-text").textContent()).toBe("Boa tarde!");
  });
});

async function started(page: Page): Promise<void> {
  await signIn(page, "ana", `/tickets/${await open()}`);
  await page.getByTestId("start-button").click();
}

test("every status fits its column, however wide the page", async () => {
  const page = await (await profile()).newPage();
  const id = await open();
  await signIn(page, "ana", `/tickets/${id}`);
  await page.getByTestId("start-button").click();
  await page.getByTestId("verb-awaitReply").click();
  await page.getByTestId("await-submit").click();
  await page.getByTestId("await-dialog").waitFor({ state: "detached" });
  await page.goto(base);
  const badge = row(page, id).locator("[data-status=PENDING]");
  for (const width of [1440, 1280, 1024]) {
    await page.setViewportSize({ width, height: 900 });
    await badge.waitFor();
    expect(await isWhole(badge.locator("span").last())).toBe(true);
    expect((await boxOf(badge)).right).toBeLessThanOrEqual((await boxOf(badge.locator("xpath=.."))).right);
  }
});

test("on a phone a word in passing covers neither a dialog's head nor the buttons at the foot", async () => {
  const page = await (await profile({ viewport: PHONE, hasTouch: true, isMobile: true })).newPage();
  await started(page);
  const word = page.getByRole("alert").filter({ hasText: "Agora este ticket é seu." });
  await word.waitFor();
  // It stays until it has been looked at from all sides.
  await word.hover();
  expect(await overlaps(word, page.getByTestId("verb-bar"))).toBe(false);
  await page.getByTestId("verb-conclude").click();
  const dialog = page.getByTestId("closing-dialog");
  expect(await overlaps(word, dialog.getByRole("heading"))).toBe(false);
  expect(await overlaps(word, dialog.getByRole("button", { name: "Fechar" }))).toBe(false);
});

test("whoever starts a ticket, by pointer or by keyboard, goes on where it is answered", async () => {
  for (const viewport of [{ width: 1440, height: 900 }, PHONE]) {
    const page = await (await profile({ viewport })).newPage();
    await started(page);
    await page.locator("[data-testid=open-reply]:focus").waitFor();
    await page.goto(`${base}/tickets/${await open()}`);
    await page.getByTestId("start-button").focus();
    await page.keyboard.press("Enter");
    await page.locator("[data-testid=open-reply]:focus").waitFor();
    await page.keyboard.press("Enter");
    await page.locator("[data-testid=reply-text]:focus").waitFor();
  }
});

test("after a refused sign-in by pointer the password can be typed at once", async () => {
  const page = await (await profile()).newPage();
  await page.goto(base);
  await page.getByTestId("sign-in-name").fill("ana");
  await page.getByTestId("sign-in-password").fill("errada");
  await page.getByTestId("sign-in-submit").click();
  await page.getByTestId("sign-in-error").waitFor();
  await page.locator("[data-testid=sign-in-password]:focus").waitFor();
});

test("a message without a font of its own is read in the one it was written in", async () => {
  const page = await (await profile()).newPage();
  await signIn(page, "ana", `/tickets/${TALK}`);
  const frame = page.getByTestId("message-frame").first();
  await frame.waitFor();
  const fonts = () =>
    frame.evaluate((element) =>
      [...((element as HTMLIFrameElement).contentDocument?.fonts ?? [])].map(({ family, status }) => [family, status]),
    );
  await expect.poll(fonts).toEqual([["Geist Variable", "loaded"]]);
  const written = (place: Element) => getComputedStyle(place).fontFamily.split(",")[0];
  const read = await frame.contentFrame().locator("body").evaluate(written);
  expect(read).toBe(await page.locator("body").evaluate(written));
});

test("on a phone the reply's recipients and account take no more lines than they fill", async () => {
  const page = await (await profile({ viewport: PHONE, hasTouch: true, isMobile: true })).newPage();
  await signIn(page, "ana", `/tickets/${TALK}`);
  await page.getByTestId("open-reply").tap();
  const input = page.getByTestId("reply-to");
  await input.waitFor();
  const pill = page.getByTestId("reply-box").locator(".mantine-Pill-root").first();
  const [typing, address] = [await boxOf(input), await boxOf(pill)];
  expect(typing.y).toBeLessThan(address.bottom);
  expect(await isWhole(pill.locator("span").first())).toBe(true);
  const account = page.getByTestId("reply-account");
  if (await account.count())
    expect(await account.evaluate((one) => getComputedStyle(one).textOverflow)).toBe("ellipsis");
});
