import { expect, test } from "vitest";
import { makeTicket } from "../mock/data";
import { bareAddress, distinct, isAddress } from "@/ticket/reply/addresses";
import { lastSendAs, rememberSendAs, storedDraft } from "@/ticket/reply/draft";
import { toPlainText } from "@/ticket/reply/to-plain-text";
import { messagesAfter } from "@/ticket/timeline/items";
import { piecesOf } from "@/ticket/timeline/quoted";
import { prepareHtml } from "@/ticket/timeline/html-body";
import { numberOf } from "@/ticket/verbs/classification";
import { isUsableUntil, localInput, untilOf } from "@/ticket/verbs/until";

test("a reply's plain text keeps paragraphs, lists, quotes and the addresses of links", () => {
  const html =
    '<p>Olá,<br>segue:</p><ul><li><p>foto</p></li><li><p>nota</p></li></ul><ol start="3"><li><p>um</p></li></ol>' +
    '<blockquote><p>antes</p><p>depois</p></blockquote><p>Veja <a href="https://a.example/x">aqui</a> ou <a href="mailto:a@b.example">a@b.example</a></p>';
  expect(toPlainText(html)).toBe(
    "Olá,\nsegue:\n\n- foto\n- nota\n\n3. um\n\n> antes\n>\n> depois\n\nVeja aqui (https://a.example/x) ou a@b.example",
  );
});

test.each([
  ["1234", "pt-BR", "1234"],
  ["1.500", "pt-BR", "1500"],
  ["1.234,50", "pt-BR", "1234.50"],
  ["-1.234.567", "pt-BR", "-1234567"],
  ["-0,5", "pt-BR", "-0.5"],
  ["12.5", "pt-BR", undefined],
  ["1,234.50", "pt-BR", undefined],
  ["1.23,5", "pt-BR", undefined],
  ["muito", "pt-BR", undefined],
  ["1,2,3", "pt-BR", undefined],
  ["0,1234567", "pt-BR", undefined],
  ["1.500", "en", "1.500"],
  ["1,234.50", "en", "1234.50"],
  ["1,500", "en", "1500"],
  ["1.234,50", "en", undefined],
])("the number %s on a screen in %s is read as %s", (written, language, number) => {
  expect(numberOf(written, language)).toBe(number);
});

test("addresses are taken from how people paste them, and told apart from what is none", () => {
  expect(bareAddress("Ana Souza <ana@exemplo.com.br>")).toBe("ana@exemplo.com.br");
  expect(distinct(["ana@x.br", "ANA@x.br", "b@x.br"])).toHaveLength(2);
  expect(["ana@exemplo.com.br", "a.b+c@x.br", "josé@exemplo.com.br"].every(isAddress)).toBe(true);
  expect(["ana", "ana@exemplo", "a b@x.br", "ana@x.br,b@x.br", "@x.br"].some(isAddress)).toBe(false);
});

test("only what was quoted is folded, also between new lines; what does not fit is left whole", () => {
  const text = "Novo\n\nEm 1º, Loja escreveu:\n> velho\nResposta embaixo\n> mais velho";
  expect(piecesOf(text, "Novo\nResposta embaixo").map(({ quoted }) => quoted)).toEqual([false, true, false, true]);
  expect(
    piecesOf(text, "Novo\nResposta embaixo")
      .map((piece) => piece.text)
      .join("\n"),
  ).toBe(text);
  expect(piecesOf(text, "outra coisa")).toEqual([{ quoted: false, text }]);
  expect(piecesOf(text, "")).toEqual([{ quoted: false, text }]);
});

test("quoted HTML is folded only beside something new", () => {
  const NONE = new Map<string, string>();
  const both = "<p>novo</p><div data-quoted><p>velho</p></div>";
  expect(prepareHtml(both, NONE, false, true)).toMatchObject({ html: "<p>novo</p>", hasQuoted: true });
  expect(prepareHtml(both, NONE, false, false).html).toContain("velho");
  expect(prepareHtml("<div data-quoted><p>velho</p></div>", NONE, false, true)).toMatchObject({ hasQuoted: false });
  expect(prepareHtml("<div data-quoted><p>velho</p></div>", NONE, false, true).html).toContain("velho");
});

test("an end of waiting is a morning of the attendant's own, in the future, within a year", () => {
  const now = new Date(2026, 10, 21, 17, 30);
  expect(untilOf("never", now)).toBeNull();
  expect(new Date(untilOf("tomorrow", now) ?? "")).toEqual(new Date(2026, 10, 22, 9));
  expect(localInput(new Date(2026, 10, 22, 9).toISOString())).toBe("2026-11-22T09:00");
  expect(isUsableUntil(null, now.getTime())).toBe(true);
  expect(isUsableUntil(new Date(2026, 10, 21, 17).toISOString(), now.getTime())).toBe(false);
  expect(isUsableUntil(new Date(2028, 0, 1).toISOString(), now.getTime())).toBe(false);
});

test("automatic messages are nobody's word and warn nobody", () => {
  const [first] = makeTicket({ number: 1, minutesAgo: 5 }).messages;
  if (!first) throw new Error("no message");
  const later = [
    { ...first, id: "a", automatic: "AUTO_SUBMITTED" as const },
    { ...first, id: "b" },
  ];
  expect(messagesAfter([first, ...later], first.id).map(({ id }) => id)).toEqual(["b"]);
  expect(messagesAfter([first, ...later], "unknown")).toEqual([]);
});

test("how one sends is remembered for oneself only", () => {
  rememberSendAs("ana", { status: "RESOLVED", awaiting: { mode: "RELEASE", until: null } });
  expect(lastSendAs("ana")).toEqual({ status: "RESOLVED", awaiting: { mode: "RELEASE", until: null } });
  expect(lastSendAs("bruno").status).toBe("PENDING");
});

test("a kept draft that cannot be read is no draft, and files the server has forgotten are not offered", () => {
  localStorage.setItem("guiche.draft.a.t", "{broken");
  expect(storedDraft("a", "t")).toBeNull();
  const files = [
    { id: "1", name: "old", size: 1, type: "", at: Date.now() - 24 * 3_600_000 },
    { id: "2", name: "new", size: 1, type: "", at: Date.now() },
  ];
  localStorage.setItem("guiche.draft.a.t", JSON.stringify({ html: "<p>a</p>", files }));
  expect(storedDraft("a", "t")?.files.map(({ name }) => name)).toEqual(["new"]);
});
