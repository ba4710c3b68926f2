import { type Icon, IconEye, IconLockOpen, IconPlayerPlayFilled, IconRotate2 } from "@tabler/icons-react";
import type { paths } from "@/api/schema";
import type { Interaction } from "@/api/types";
import type { Language } from "@/i18n";

/**
 * What is done to a ticket at one press, without being asked anything. The names are those of Ticket.allowedVerbs and of the
 * routes. A verb of this kind needs no other place: calling it, its button, its icon and its words all come from here.
 * Beside each other they stand in this order.
 */
export const SIMPLE_VERBS = {
  start: {
    place: "startButton",
    icon: IconPlayerPlayFilled,
    kind: "STARTED",
    words: {
      "pt-BR": { button: "Iniciar", done: "Agora este ticket é seu.", history: "iniciou o ticket" },
      en: { button: "Start", done: "This ticket is now yours.", history: "started the ticket" },
    },
  },
  release: {
    place: "menu",
    icon: IconLockOpen,
    kind: "RELEASED",
    words: {
      "pt-BR": {
        button: "Liberar",
        done: "Ticket liberado: a fila já pode vê-lo e assumi-lo.",
        history: "liberou o ticket para a fila",
      },
      en: {
        button: "Release",
        done: "Released: the queue may see and take the ticket now.",
        history: "released the ticket to the queue",
      },
    },
  },
  follow: {
    place: "menu",
    icon: IconEye,
    kind: "FOLLOWED",
    words: {
      "pt-BR": {
        button: "Acompanhar",
        done: "Agora só você vê este ticket.",
        history: "voltou a acompanhar o ticket",
      },
      en: { button: "Follow", done: "Only you see this ticket now.", history: "follows the ticket again" },
    },
  },
  reopen: {
    place: "button",
    icon: IconRotate2,
    kind: "REOPENED",
    words: {
      "pt-BR": { button: "Reabrir", done: "Ticket reaberto.", history: "reabriu o ticket" },
      en: { button: "Reopen", done: "Ticket reopened.", history: "reopened the ticket" },
    },
  },
} satisfies Record<Exclude<AsksNothing, MayBeGivenMore>, Row>;

interface Row {
  /** In the menu of further verbs, or as a button in the bar; starting has a button of its own. */
  place: "menu" | "button" | "startButton";
  icon: Icon;
  /** What the history calls it. */
  kind: Interaction["kind"];
  words: Record<Language, Words>;
}

interface Words {
  button: string;
  /** Said when it is done. */
  done: string;
  /** Follows the name of who did it. */
  history: string;
}

/** These are content with nothing, too, but have a dialog for what may be given. */
type MayBeGivenMore = "conclude" | "finalize";

/** The verbs whose route is content with an empty body. */
type AsksNothing = {
  [Path in keyof paths]: Path extends `/api/v1/tickets/{ticketId}:${infer Verb}`
    ? paths[Path] extends { post: { requestBody?: { content: { "application/json": infer Body } } } }
      ? Partial<Body> extends Body
        ? Verb
        : never
      : never
    : never;
}[keyof paths];

export type SimpleVerb = keyof typeof SIMPLE_VERBS;
type SimpleKind = (typeof SIMPLE_VERBS)[SimpleVerb]["kind"];

const NAMES = Object.keys(SIMPLE_VERBS) as SimpleVerb[];

export function simpleVerbsIn(place: Row["place"]): SimpleVerb[] {
  return NAMES.filter((verb) => SIMPLE_VERBS[verb].place === place);
}

/** For the catalogue of a language. */
export function simpleVerbWords(language: Language) {
  const words = (name: keyof Words) => NAMES.map((verb) => [verb, SIMPLE_VERBS[verb].words[language][name]] as const);
  return {
    buttons: Object.fromEntries(words("button")) as Record<SimpleVerb, string>,
    done: Object.fromEntries(words("done")) as Record<SimpleVerb, string>,
    history: byKind(({ words }) => words[language].history),
  };
}

export const SIMPLE_VERB_ICONS = byKind(({ icon }) => icon);

function byKind<Value>(value: (row: Row) => Value): Record<SimpleKind, Value> {
  const rows: Row[] = Object.values(SIMPLE_VERBS);
  return Object.fromEntries(rows.map((row) => [row.kind, value(row)])) as Record<SimpleKind, Value>;
}
