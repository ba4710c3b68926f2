import { expect, test } from "vitest";
import type { Attachment } from "@/api/types";
import { frameDocument, inlineImage, prepareHtml } from "@/ticket/timeline/html-body";
import { HOSTILE } from "../mock/mails";

const NONE = new Map<string, string>();
const parse = (html: string) => new DOMParser().parseFromString(html, "text/html");
const image: Attachment = {
  id: "1",
  fileName: "a.png",
  contentType: "image/png",
  size: "10",
  contentId: "Logo@Aurora",
  inline: true,
};

test("images within the mail become data: addresses, whatever the case and encoding of their Content-ID", () => {
  const data = "data:image/png;base64,AAAA";
  const { html, contentIds } = prepareHtml(
    '<img src="cid:Logo%40aurora" alt="x"><img src="CID:logo@aurora">',
    new Map([["logo@aurora", data]]),
    false,
  );
  expect([...parse(html).images].map((shown) => shown.getAttribute("src"))).toEqual([data, data]);
  expect(contentIds).toEqual(["logo@aurora"]);
});

test("an image that is not there keeps its alternative text and asks nobody for anything", () => {
  const { html } = prepareHtml('<img src="cid:missing" alt="assinatura">', NONE, false);
  const shown = parse(html).images[0];
  expect(shown?.hasAttribute("src")).toBe(false);
  expect(shown?.alt).toBe("assinatura");
});

test("only images of known types and up to 5 MB are brought into the page", () => {
  expect(inlineImage([image], "logo@aurora")).toBe(image);
  expect(inlineImage([{ ...image, contentType: "image/svg+xml" }], "logo@aurora")).toBeUndefined();
  expect(inlineImage([{ ...image, size: "5000001" }], "logo@aurora")).toBeUndefined();
  expect(inlineImage([image], "")).toBeUndefined();
});

test("remote images stay away until asked for, and only web addresses come then", () => {
  const body = '<img data-remote-src="https://x.example/a.png"><img data-remote-src="javascript:alert(1)">';
  expect(prepareHtml(body, NONE, false)).toMatchObject({
    hasRemoteImages: true,
    html: expect.not.stringMatching(/ src=/) as string,
  });
  const shown = [...parse(prepareHtml(body, NONE, true).html).images].map((remote) => remote.getAttribute("src"));
  expect(shown).toEqual(["https://x.example/a.png", null]);
});

test("nothing that runs, loads a page or leads away within the page survives", () => {
  const { html } = prepareHtml(HOSTILE, NONE, false);
  const body = parse(html).body;
  expect(body.querySelector("script, iframe, svg, meta, base, link, form, button")).toBeNull();
  const attributes = [...body.querySelectorAll("*")].flatMap((element) => element.getAttributeNames());
  expect(attributes.filter((name) => name.startsWith("on"))).toEqual([]);
  for (const link of body.querySelectorAll("a")) {
    expect(link.getAttribute("href") ?? "").not.toContain("javascript:");
    expect([link.target, link.rel]).toEqual(["_blank", "noopener noreferrer"]);
  }
  expect(body.querySelector("#readable")?.textContent).toBe("Texto legível");
});

test("the frame's own policy lets nothing run and nothing load", () => {
  const policy = parse(frameDocument("<p>a</p>", "pt-BR")).querySelector("meta[http-equiv]")?.getAttribute("content");
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("img-src data:;");
  expect(policy).not.toContain("script");
});
