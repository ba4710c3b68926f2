/** What stands for a reply where a program shows no HTML: paragraphs apart, lists with their marks, links with addresses. */
export function toPlainText(html: string): string {
  const body = new DOMParser().parseFromString(html, "text/html").body;
  return blocks(body)
    .replace(/[ \t]+\n/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

function blocks(parent: Element): string {
  return [...parent.childNodes].map((node) => textOf(node)).join("");
}

function textOf(node: Node): string {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent?.replaceAll("\u00A0", " ") ?? "";
  if (!(node instanceof Element)) return "";
  switch (node.tagName) {
    case "BR":
      return "\n";
    case "A":
      return linkText(node);
    case "UL":
    case "OL":
      return `${listText(node)}\n`;
    case "BLOCKQUOTE":
      return `${prefixed(blocks(node).trim(), "> ", "> ")}\n\n`;
    case "P":
    case "PRE":
    case "H1":
    case "H2":
    case "H3":
      return `${blocks(node)}\n\n`;
    default:
      return blocks(node);
  }
}

function linkText(link: Element): string {
  const text = blocks(link);
  const href = link.getAttribute("href") ?? "";
  const address = href.replace(/^mailto:/, "");
  return text === href || text === address ? text : `${text} (${href})`;
}

function listText(list: Element): string {
  const ordered = list.tagName === "OL";
  const first = Number(list.getAttribute("start") ?? 1);
  return [...list.children]
    .map((item, index) => {
      const mark = ordered ? `${first + index}. ` : "- ";
      return `${prefixed(
        blocks(item)
          .trim()
          .replace(/\n{2,}/g, "\n"),
        mark,
        " ".repeat(mark.length),
      )}\n`;
    })
    .join("");
}

function prefixed(text: string, first: string, others: string): string {
  return text
    .split("\n")
    .map((line, index) => (index === 0 ? first : others) + line)
    .join("\n");
}
