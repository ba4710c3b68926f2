import { screen, waitFor, within } from "@testing-library/react";
import type { UserEvent } from "@testing-library/user-event";
import { expect, test } from "vitest";
import { makeTicket, type Seed, type Username } from "../mock/data";
import { RULES } from "../mock/rules";
import { openApp } from "./app";

const MINE: Seed = { number: 4, minutesAgo: 30, level: "n1", status: "STARTED", holder: "ana" };
const pageOf = (seed: Seed) => `/tickets/${makeTicket(seed).ticket.id}`;
const idOf = (seed: Seed) => makeTicket(seed).ticket.id;

/** These are offered by the reply box, by the badges, and among the facts. */
const ELSEWHERE = ["reply", "setStatus", "setPriority", "setServiceType"];

function buttonsOf(allowedVerbs: string[]): Set<string> {
  const inBar = allowedVerbs.filter((verb) => !ELSEWHERE.includes(verb));
  return new Set(inBar.map((verb) => (verb === "start" ? "start-button" : `verb-${verb}`)));
}

async function verbsShown(user: UserEvent): Promise<Set<string>> {
  // A menu that is opened while the page still fills itself closes again.
  await screen.findAllByTestId("message");
  const bar = within(await screen.findByTestId("verb-bar"));
  if (bar.queryByTestId("verb-more")) {
    await user.click(bar.getByTestId("verb-more"));
    await waitFor(() => expect(document.querySelector("[role=menu] [data-testid^=verb-]")).toBeTruthy());
  }
  const shown = [...document.querySelectorAll<HTMLElement>("[data-testid^=verb-], [data-testid=start-button]")];
  const names = shown.map(({ dataset }) => dataset.testid ?? "");
  return new Set(names.filter((name) => name !== "verb-bar" && name !== "verb-more"));
}

test.each<[string, Seed, Username, string[]]>([
  ["nobody's", { ...MINE, status: "OPEN", holder: null }, "ana", ["start-button", "verb-finalize"]],
  ["my", MINE, "ana", ["verb-awaitReply", "verb-conclude", "verb-release", "verb-finalize"]],
  [
    "my resolved",
    { ...MINE, status: "RESOLVED" },
    "ana",
    ["verb-reopen", "verb-conclude", "verb-release", "verb-finalize"],
  ],
  ["another's, to a supervisor,", MINE, "carla", ["verb-conclude", "verb-release", "verb-finalize"]],
  ["a closed", { ...MINE, status: "CLOSED" }, "ana", []],
])("on %s ticket exactly what is allowed is offered", async (_, seed, username, offered) => {
  const { user, world } = await openApp({ path: pageOf(seed), seeds: [seed], username });
  const { allowedVerbs } = world.shown(username, world.one(idOf(seed)));
  const shown = await verbsShown(user);
  expect(shown).toEqual(buttonsOf(allowedVerbs));
  expect([...shown]).toEqual(expect.arrayContaining(offered));
});

test("every verb of the table has its place on the page", async () => {
  const allowedVerbs = RULES.map(({ verb }) => verb);
  const { user } = await openApp({
    path: pageOf(MINE),
    seeds: [MINE],
    intercept: ({ method, url }) =>
      method === "GET" && url.endsWith(`/tickets/${idOf(MINE)}`)
        ? Response.json({ ...makeTicket(MINE).ticket, allowedVerbs })
        : undefined,
  });
  expect(await verbsShown(user)).toEqual(buttonsOf(allowedVerbs));
});
