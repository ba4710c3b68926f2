import { screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { entry } from "../mock/conversation";
import { makeTicket, type Seed } from "../mock/data";
import { FIELDS, SERVICE_TYPES } from "../mock/service-types";
import { openApp } from "./app";

const MINE: Seed = { number: 4, minutesAgo: 30, level: "n1", status: "STARTED", holder: "ana" };
const pageOf = (seed: Seed) => `/tickets/${makeTicket(seed).ticket.id}`;
const idOf = (seed: Seed) => makeTicket(seed).ticket.id;

test("an act leaves the messages alone, and what has come reads them again", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  await screen.findByTestId("message");
  const read = () => world.requests.filter((request) => request.endsWith("/messages")).length;
  const before = read();
  const [priority] = screen.getAllByTestId("priority-menu");
  if (priority) await user.click(priority);
  await user.click(await screen.findByTestId("set-priority-LOW"));
  await waitFor(() => expect(screen.getAllByTestId("timeline-entry").at(-1)?.dataset.kind).toBe("PRIORITY_SET"));
  world.startAs("ana", idOf(MINE));
  await waitFor(() => expect(screen.getAllByTestId("timeline-entry").at(-1)?.dataset.kind).toBe("STARTED"));
  expect(read()).toBe(before);
  world.receive(idOf(MINE), "Mais uma.");
  expect(await screen.findByText("Mais uma.")).toBeTruthy();
});

test("of a long history only what is new is read again", async () => {
  const tokens: string[] = [];
  const { world } = await openApp({
    path: pageOf(MINE),
    seeds: [MINE],
    intercept: (request) => {
      const { pathname, searchParams } = new URL(request.url);
      if (!pathname.endsWith("/interactions")) return undefined;
      const token = searchParams.get("pageToken") ?? "";
      tokens.push(token);
      const { history } = world.one(idOf(MINE));
      const interactions = token ? history.slice(1) : history.slice(0, 1);
      return Response.json({ interactions, nextPageToken: token ? "" : "second" });
    },
  });
  await waitFor(() => expect(screen.getAllByTestId("timeline-entry")).toHaveLength(2));
  tokens.length = 0;
  world.change(
    world.one(idOf(MINE)),
    "released",
    { released: true },
    {
      ...entry("RELEASED", new Date().toISOString(), null),
    },
  );
  await waitFor(() => expect(screen.getAllByTestId("timeline-entry")).toHaveLength(3));
  expect(new Set(tokens)).toEqual(new Set(["second"]));
});

test("a field of the service type is named in the history", async () => {
  const { user, world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  await screen.findByTestId("history-tab");
  const [type] = SERVICE_TYPES;
  const change = { field: `data:${FIELDS.order}`, before: null, after: { code: "884213", name: "884213" } };
  const note = entry("SERVICE_TYPE_SET", new Date().toISOString(), null, [change]);
  const serviceType = { id: type?.id ?? "", name: type?.name ?? "" };
  world.change(world.one(idOf(MINE)), "serviceTypeSet", { serviceType, serviceTypeData: [] }, note);
  await user.click(screen.getByTestId("history-tab"));
  expect(await screen.findByText("Número do pedido")).toBeTruthy();
});

test("a linked ticket that the reader may not see is told by its protocol, without a link", async () => {
  const { world } = await openApp({ path: pageOf(MINE), seeds: [MINE] });
  await screen.findByTestId("ticket-status");
  const links = [{ kind: "NEXT" as const, ticketId: "", protocol: "20261102093312045" }];
  world.change(world.one(idOf(MINE)), "continued", { links });
  const link = await screen.findByTestId("link-NEXT");
  expect([link.tagName, link.textContent.includes("20261102093312045")]).toEqual(["SPAN", true]);
});
