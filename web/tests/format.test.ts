import { expect, test } from "vitest";
import { elapsedTime, fileSize, initials, relativeTime } from "@/ui/format";
import { en } from "@/i18n/en";
import { ptBR } from "@/i18n/pt-BR";

const NOW = Date.parse("2026-11-21T20:00:00Z");
const before = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();

test.each([
  [0, "agora"],
  [-5, "agora"],
  [1, "há 1 min."],
  [59, "há 59 min."],
  [90, "há 2 h"],
  [26 * 60, "há 1 dia"],
])("%s minutes ago reads %s", (minutes, text) => {
  expect(relativeTime(before(minutes), NOW, "pt-BR", "agora")).toBe(text);
});

test.each([
  [0, "menos"],
  [8, "8 min"],
  [130, "2 h 10 min"],
  [60, "1 h"],
  [3 * 1440 + 240, "3 d 4 h"],
])("%s minutes have elapsed as %s", (minutes, text) => {
  expect(elapsedTime(before(minutes), NOW, "menos")).toBe(text);
});

test("sizes read as in a file manager", () => {
  expect([0, 999, 18_912, 2_431_004].map((bytes) => fileSize(bytes, "pt-BR").replace(/\s/g, " "))).toEqual([
    "0 bytes",
    "999 bytes",
    "19 kB",
    "2,4 MB",
  ]);
});

test("initials come from the first and the last name", () => {
  expect(["Ana Ribeiro", "josé", "Pedro Henrique Sá", ""].map(initials)).toEqual(["AR", "J", "PS", "?"]);
});

const texts = (catalogue: object): string[] =>
  Object.values(catalogue).flatMap((value: unknown) =>
    typeof value === "object" && value !== null ? texts(value) : [String(value)],
  );
const places = (text: string): string[] => (text.match(/\{\{\w+\}\}|<\d>/g) ?? []).sort();

test("both catalogues are complete and name the same values", () => {
  expect(texts(en).map(places)).toEqual(texts(ptBR).map(places));
  expect(
    texts(en)
      .concat(texts(ptBR))
      .filter((text) => !text.trim()),
  ).toEqual([]);
});
