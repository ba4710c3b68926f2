import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { makeTicket } from "../mock/data";
import { HOSTILE } from "../mock/mails";
import { linked } from "@/ticket/timeline/plain-text";
import { shownAddress } from "@/ticket/timeline/shown-address";
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

const NAMED = `atendimento+agraftdx6j${"a2".repeat(14)}b@demo.guiche`;

test("the account's address is shown as people know it, everybody else's as it is", () => {
  expect(shownAddress(NAMED)).toBe("atendimento@demo.guiche");
  for (const address of ["ana+lojas@exemplo.com.br", "atendimento@demo.guiche", `a+${"x".repeat(38)}@b.example`])
    expect(shownAddress(address)).toBe(address);
});

test("an answer shows the account it came to", async () => {
  const seed = { number: 1, minutesAgo: 3, level: "n1", status: "OPEN", subject: "Boleto" } as const;
  const { id } = makeTicket(seed).ticket;
  const { world } = await openApp({ path: `/tickets/${id}`, seeds: [seed] });
  await screen.findByTestId("message");
  const stored = world.one(id);
  stored.messages = stored.messages.map((message) => ({ ...message, to: [{ name: "", email: NAMED }] }));
  world.receive(id, "E mais isto.");
  expect(await screen.findAllByText("Para: atendimento@demo.guiche")).not.toHaveLength(0);
  expect(document.body.innerHTML).not.toContain("agraftdx6j");
});
