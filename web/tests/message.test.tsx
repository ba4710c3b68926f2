import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { makeTicket } from "../mock/data";
import { HOSTILE } from "../mock/mails";
import { linked } from "@/ticket/timeline/plain-text";
import { openApp } from "./app";

test("a message with HTML stands in a frame that may run nothing", async () => {
  const seed = { number: 1, minutesAgo: 3, level: "n1", status: "OPEN", html: HOSTILE } as const;
  await openApp({ path: `/tickets/${makeTicket(seed).ticket.id}`, seeds: [seed] });
  const frame = await screen.findByTestId<HTMLIFrameElement>("message-frame");
  const allowed = frame.getAttribute("sandbox")?.split(" ") ?? [];
  expect(allowed).toEqual(["allow-same-origin", "allow-popups", "allow-popups-to-escape-sandbox"]);
  expect(frame.getAttribute("srcdoc")).toContain("Texto legível");
  expect(frame.getAttribute("srcdoc")).not.toContain("<script");
});

test("images of the mail reach the frame as data", async () => {
  const seed = { number: 1, minutesAgo: 3, level: "n1", status: "OPEN", html: '<img src="cid:logo@aurora">' } as const;
  const { world } = await openApp({ path: `/tickets/${makeTicket(seed).ticket.id}`, seeds: [seed] });
  const frame = await screen.findByTestId("message-frame");
  expect(frame.getAttribute("srcdoc")).toContain('src="data:image/png;base64,');
  expect(world.requests.some((request) => request.includes("/attachments/"))).toBe(true);
});

test("attachments are listed with size and a download address; images of the text are not", async () => {
  const seed = { number: 1, minutesAgo: 3, level: "n1", status: "OPEN", html: "" } as const;
  const ticket = makeTicket(seed).ticket.id;
  await openApp({ path: `/tickets/${ticket}`, seeds: [seed] });
  const files = await screen.findAllByTestId("attachment");
  expect(files).toHaveLength(3);
  expect(files[0]?.getAttribute("aria-label")).toMatch(/^Baixar nota-fiscal-55120.pdf \(184.kB\)$/);
  expect(files[0]?.getAttribute("href")).toMatch(new RegExp(`^/api/v1/tickets/${ticket}/attachments/`));
  expect(screen.getByTestId("message-text").textContent).toContain("Atenciosamente");
});

test("addresses in plain text become links, and nothing else does", () => {
  render(
    <p>{linked("Veja https://a.example/x?y=1, (http://b.example). Ou javascript:alert(1) e ana@exemplo.com.br!")}</p>,
  );
  expect(screen.getAllByRole("link").map((link) => link.getAttribute("href"))).toEqual([
    "https://a.example/x?y=1",
    "http://b.example",
    "mailto:ana@exemplo.com.br",
  ]);
  expect(document.body.textContent).toBe(
    "Veja https://a.example/x?y=1, (http://b.example). Ou javascript:alert(1) e ana@exemplo.com.br!",
  );
});
