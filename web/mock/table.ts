import type { Interaction, Reference, Ticket, TicketStatus } from "../src/api/types";
import type { Body } from "./acts.ts";
import { RULES } from "./rules.ts";

type Drawn = (typeof RULES)[number];

/** A row of the ticket service's table of verbs. */
interface Rule {
  verb: Drawn["verb"];
  kind: Interaction["kind"];
  from: readonly TicketStatus[];
  needs: Drawn["needs"];
  who: readonly Drawn["who"][number][];
  to: TicketStatus | "=" | "as asked";
  holder: Drawn["holder"];
  released: Drawn["released"];
  awaiting: Drawn["awaiting"];
  mark: Drawn["mark"];
}

const TABLE: readonly Rule[] = RULES;

/** How somebody stands to a ticket that they see. member: of its level, and no colleague keeps it to themselves. */
interface Standing {
  status: TicketStatus;
  held: boolean;
  mine: boolean;
  released: boolean;
  member: boolean;
  supervisor: boolean;
}

const NEEDS: Record<Rule["needs"], (at: Standing) => boolean> = {
  "": () => true,
  held: ({ held }) => held,
  "held, not released": ({ held, released }) => held && !released,
  released: ({ released }) => released,
};
const WHO: Record<Rule["who"][number], (at: Standing) => boolean> = {
  "who sees it": () => true,
  holder: ({ mine }) => mine,
  supervisor: ({ supervisor }) => supervisor,
  "who may start it": (at) => ruleFor("start", at) !== undefined,
};

function ruleFor(verb: string, at: Standing): Rule | undefined {
  if (!at.member && !at.supervisor) return undefined;
  return TABLE.find(
    (rule) =>
      rule.verb === verb &&
      rule.from.includes(at.status) &&
      NEEDS[rule.needs](at) &&
      rule.who.some((who) => WHO[who](at)),
  );
}

/** The rows by which somebody who sees the ticket may do something to it, by verb, in the order of the table. */
export function allowedRules(ticket: Ticket, me: Reference, supervisor: boolean): Map<string, Rule> {
  const { status, holder, released } = ticket;
  const mine = holder?.id === me.id;
  const member = !supervisor && (!holder || mine || released);
  const at = { status, held: holder !== null, mine, released, member, supervisor };
  const rules = TABLE.map(({ verb }) => [verb, ruleFor(verb, at)] as const);
  return new Map(rules.filter((found): found is [Rule["verb"], Rule] => found[1] !== undefined));
}

/** What the row makes of the ticket; what else was said with the verb is not its concern. */
export function outcome(rule: Rule, ticket: Ticket, body: Body, me: Reference): Partial<Ticket> {
  const asked = body.status ?? body.thenStatus ?? "OPEN";
  const status = rule.to === "=" ? ticket.status : rule.to === "as asked" ? asked : rule.to;
  const holder = rule.holder === "me" ? me : ticket.holder;
  if (status === "CLOSED") return { status, holder, released: false, awaiting: null, newMessage: false };
  const waits = rule.awaiting === "as await says" && status === "PENDING";
  const { mode, until } = body.awaiting ?? body;
  const keeps = rule.released === "=" || rule.released === "as it was, or as await says";
  const released = keeps ? ticket.released : rule.released === "yes";
  return {
    status,
    holder,
    released: waits ? mode === "RELEASE" : released,
    awaiting: waits ? { customer: true, until: until ?? null } : rule.awaiting === "=" ? ticket.awaiting : null,
    newMessage: rule.mark === "cleared" ? false : ticket.newMessage,
  };
}
