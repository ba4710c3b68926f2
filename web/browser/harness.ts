import { readFileSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, onTestFinished } from "vitest";

const AXE = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

export const base = inject("base");

let browser: Browser;

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.GUICHE_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

afterAll(() => browser.close());

type Options = Parameters<Browser["newContext"]>[0];

/** A browser profile of its own. Whatever a page complains about, policies included, fails the test unless expected. */
export async function profile(options: Options = {}, expected = false): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: DESKTOP, locale: "pt-BR", ...options });
  context.setDefaultTimeout(12_000);
  const complaints: string[] = [];
  context.on("console", (message) => {
    // The browser itself notes each refused request; the first look for a session is one.
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  onTestFinished(async () => {
    await context.close();
    if (!expected) expect(complaints).toEqual([]);
  });
  return context;
}

export async function signIn(page: Page, username = "ana", path = "/"): Promise<void> {
  await page.goto(base + path);
  await page.getByTestId("sign-in-name").fill(username);
  await page.getByTestId("sign-in-password").fill("guiche");
  await page.getByTestId("sign-in-submit").click();
}

export async function violations(page: Page): Promise<string[]> {
  // Through the debugger, as the page's policy rightly refuses foreign scripts.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run: (
          options: object,
        ) => Promise<{ violations: { id: string; nodes: { html: string; any: { message: string }[] }[] }[] }>;
      };
    };
    return (await axe.run({ iframes: false, runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] }))
      .violations;
  });
  return found.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ""}`).join(" | ")}`,
  );
}

export const open = async (): Promise<string> => (await fetch(`${base}/mock/open`)).text();
export const row = (page: Page, id: string) => page.locator(`[data-testid=queue-row][data-ticket-id="${id}"]`);
