import { describe, expect, test } from "vitest";
import { makeTicket } from "../mock/data.ts";
import { HOSTILE } from "../mock/mails.ts";
import { HOSTILE_TICKET } from "../mock/plugin.ts";
import { base, DESKTOP, open, PHONE, profile, row, signIn, violations } from "./harness.ts";

describe.each(["light", "dark"] as const)("in the %s theme", (colorScheme) => {
  test.each([
    ["a desktop", DESKTOP],
    ["a phone", PHONE],
  ])("every page on %s passes axe", async (_name, viewport) => {
    const page = await (await profile({ viewport, colorScheme, reducedMotion: "reduce" })).newPage();
    await page.goto(base);
    await page.getByTestId("sign-in-name").waitFor();
    expect.soft(await violations(page)).toEqual([]);
    await signIn(page);
    await page.getByTestId("queue-row").first().waitFor();
    expect.soft(await violations(page)).toEqual([]);
    await page.getByTestId("my-information").click();
    await page.getByTestId("my-information-panel").waitFor();
    expect.soft(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByTestId("my-information-panel").waitFor({ state: "detached" });
    await page.getByTestId("queue-row").first().click();
    await page.getByTestId("message-frame").or(page.getByTestId("message-text")).first().waitFor();
    expect.soft(await violations(page)).toEqual([]);
    await page.getByTestId("history-tab").click();
    await page.getByTestId("history-entry").first().waitFor();
    expect.soft(await violations(page)).toEqual([]);
    await page.goto(`${base}/nowhere`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    expect.soft(await violations(page)).toEqual([]);
  });
});

test("no page is wider than a phone, nor than a desktop at twice its size", async () => {
  for (const viewport of [PHONE, { width: 720, height: 450 }]) {
    const page = await (await profile({ viewport })).newPage();
    await signIn(page);
    await page.getByTestId("queue-row").first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
    await page.getByTestId("queue-row").first().click();
    await page.getByTestId("ticket-protocol").waitFor({ state: "attached" });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  }
});

test("a ticket appears on two attendants' pages, one starts it, and it leaves the other's", async () => {
  const ana = await (await profile()).newPage();
  const bruno = await (await profile()).newPage();
  await signIn(ana);
  await signIn(bruno, "bruno");
  await Promise.all([ana, bruno].map((page) => page.getByTestId("queue-row").first().waitFor()));
  const id = await open();
  await Promise.all([ana, bruno].map((page) => row(page, id).waitFor()));
  await row(ana, id).click();
  await ana.getByTestId("start-button").click();
  await ana.getByTestId("ticket-status").getByText("Iniciado").waitFor();
  await row(bruno, id).waitFor({ state: "detached" });
});

test("tabs share one stream, and the next takes over when its holder closes", async () => {
  const context = await profile();
  const first = await context.newPage();
  await signIn(first);
  await first.getByTestId("queue-row").first().waitFor();
  const second = await context.newPage();
  const streams: string[] = [];
  second.on("request", (request) => {
    if (request.url().endsWith("/events")) streams.push(request.url());
  });
  await second.goto(base);
  await second.getByTestId("queue-row").first().waitFor();
  await row(second, await open()).waitFor();
  expect(streams).toEqual([]);
  const taken = second.waitForRequest((request) => request.url().endsWith("/events"));
  await first.close();
  await taken;
  await row(second, await open()).waitFor();
});

test("tabs that meet an expired session renew it once for all", async () => {
  const context = await profile();
  const pages = [await context.newPage(), await context.newPage(), await context.newPage()];
  const [first] = pages;
  if (!first) throw new Error("no page");
  await signIn(first);
  await first.getByTestId("queue-row").first().waitFor();
  // Its own page would notice the end as well, and be left in the middle of renewing.
  await first.goto("about:blank");
  let renewals = 0;
  context.on("request", (request) => {
    if (request.url().endsWith("auth:refresh")) renewals += 1;
  });
  await fetch(`${base}/mock/expire`);
  await Promise.all(pages.map((page) => page.goto(base)));
  await Promise.all(pages.map((page) => page.getByTestId("queue-row").first().waitFor()));
  expect(renewals).toBe(1);
});

test("a hostile message reaches neither the page nor the network", async () => {
  const context = await profile({}, true);
  const page = await context.newPage();
  const foreign: string[] = [];
  // Routes see what leaves the browser; what a policy stops never gets there.
  await context.route("https://attacker.example/**", async (route) => {
    foreign.push(route.request().url());
    await route.abort();
  });
  const { id } = makeTicket({ number: HOSTILE_TICKET, minutesAgo: 0 }).ticket;
  await signIn(page, "ana", `/tickets/${id}`);
  const body = page.frameLocator("[data-testid=message-frame]");
  await body.locator("#readable").waitFor();
  await body.locator("#script-link").click();
  // Were the cleaning to fail altogether, the frame itself still has to hold.
  const rawFrame = await page.evaluate(async (html) => {
    const shown = document.querySelector<HTMLIFrameElement>("[data-testid=message-frame]");
    if (!shown) throw new Error("no frame");
    const policy = /<meta http-equiv[^>]+>/.exec(shown.srcdoc)?.[0] ?? "";
    const raw = document.createElement("iframe");
    raw.setAttribute("sandbox", shown.getAttribute("sandbox") ?? "");
    raw.srcdoc = policy + html;
    const loaded = new Promise((resolve) => raw.addEventListener("load", resolve));
    document.body.append(raw);
    await loaded;
    return raw.contentDocument?.querySelector("#readable")?.textContent;
  }, HOSTILE);
  expect(rawFrame).toBe("Texto legível");
  await page.waitForLoadState("networkidle").catch(() => undefined);
  expect(await page.evaluate(() => "reached" in window)).toBe(false);
  expect(await page.title()).not.toBe("reached");
  expect(page.url()).toBe(`${base}/tickets/${id}`);
  expect(foreign).toEqual([]);
});

test("remote images load only when asked for, and without a referrer", async () => {
  const context = await profile();
  const page = await context.newPage();
  const asked: Record<string, string | undefined>[] = [];
  await context.route("https://imagens.exemplo.com.br/**", async (route) => {
    asked.push(route.request().headers());
    await route.fulfill({ contentType: "image/png", body: Buffer.alloc(0) });
  });
  const { id } = makeTicket({ number: 0, minutesAgo: 0 }).ticket;
  await signIn(page, "ana", `/tickets/${id}`);
  await page.frameLocator("[data-testid=message-frame]").getByText("Boa tarde,").first().waitFor();
  expect(asked).toEqual([]);
  await page.getByTestId("show-remote-images").click();
  await page.frameLocator("[data-testid=message-frame]").getByText("Boa tarde,").first().waitFor();
  await expect.poll(() => asked.length).toBe(1);
  expect(asked[0]?.referer).toBeUndefined();
  expect(await page.getByTestId("message-frame").getAttribute("src")).toBe("/frame.html");
});

test("coming back from a ticket finds the queue where it was left", async () => {
  const page = await (await profile()).newPage();
  await signIn(page);
  await page.getByTestId("queue-row").first().waitFor();
  const scrolled = () => page.evaluate(() => document.querySelector("ul[aria-label]")?.parentElement?.scrollTop ?? 0);
  await page.getByTestId("queue-row").first().hover();
  await page.mouse.wheel(0, 900);
  await expect.poll(scrolled).toBe(900);
  await page.getByTestId("queue-row").nth(12).click();
  await page.getByTestId("ticket-protocol").waitFor();
  await page.goBack();
  await page.getByTestId("queue-row").first().waitFor();
  await expect.poll(scrolled).toBe(900);
});

test("a ticket opens in a new tab from its row", async () => {
  const context = await profile();
  const page = await context.newPage();
  await signIn(page);
  await page.getByTestId("queue-row").first().hover();
  const opened = context.waitForEvent("page");
  await page
    .getByRole("link", { name: /^Abrir em nova aba/ })
    .first()
    .click();
  await (await opened).getByTestId("ticket-protocol").waitFor();
  expect(new URL(page.url()).pathname).toBe("/");
});

test("the queue loads further pages as one scrolls, to its end", async () => {
  const page = await (await profile()).newPage();
  const pages: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/tickets?")) pages.push(new URL(request.url()).searchParams.get("pageToken") ?? "");
  });
  await signIn(page);
  await page.getByTestId("queue-row").first().hover();
  const end = page.getByText("Fim da fila");
  await expect
    .poll(async () => {
      await page.mouse.wheel(0, 5_000);
      return end.isVisible();
    })
    .toBe(true);
  // The first is read again once the stream stands.
  expect([...new Set(pages)].slice(0, 2)).toEqual(["", "50"]);
});
