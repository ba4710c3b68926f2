import type { Attachment } from "@/api/types";

/** Elements that load, run or redirect. The mail service removes them; a document shown here never has them either way. */
const FORBIDDEN =
  "script, iframe, frame, object, embed, applet, link, meta, base, form, input, button, textarea, select, portal, template, noscript, svg, math";
const LINK_SCHEMES = ["http:", "https:", "mailto:", "tel:"];

export interface PreparedHtml {
  html: string;
  /** Whether it waits to load images from elsewhere. */
  hasRemoteImages: boolean;
  /** Whether it holds earlier messages (marked data-quoted by the mail service) besides what is new. */
  hasQuoted: boolean;
  /** The Content-IDs of the images within the mail, in lower case. */
  contentIds: string[];
}

/** Content-IDs are compared without regard to case and to percent-encoding (RFC 2392). */
function contentIdOf(address: string): string {
  const raw = address.slice("cid:".length);
  try {
    return decodeURIComponent(raw).toLowerCase();
  } catch {
    return raw.toLowerCase();
  }
}

/**
 * A cleaned body, ready for the frame.
 *
 * @param images data: addresses by Content-ID in lower case; an image without one keeps its alternative text only
 * @param remote whether remote images may load
 * @param folded leaves out the history quoted in it, unless there is nothing else
 */
export function prepareHtml(
  html: string,
  images: ReadonlyMap<string, string>,
  remote: boolean,
  folded = false,
): PreparedHtml {
  // A document of DOMParser has no browsing context: nothing in it loads or runs.
  const body = new DOMParser().parseFromString(html, "text/html").body;
  for (const element of body.querySelectorAll(FORBIDDEN)) element.remove();
  for (const element of body.querySelectorAll("*")) removeHandlers(element);
  for (const link of body.querySelectorAll("a, area")) guardLink(link);
  const hasQuoted = divideQuoted(body, folded);
  const contentIds = [...body.querySelectorAll<HTMLImageElement>('img[src^="cid:" i]')].map((image) =>
    showInline(image, images),
  );
  const waiting = [...body.querySelectorAll<HTMLImageElement>("img[data-remote-src]")];
  if (remote) waiting.forEach(showRemote);
  return {
    html: body.innerHTML,
    hasRemoteImages: waiting.length > 0,
    hasQuoted,
    contentIds: [...new Set(contentIds)],
  };
}

/** Tells whether something is quoted beside something new, and takes the former away where it is to be folded. */
function divideQuoted(body: HTMLElement, folded: boolean): boolean {
  if (!body.querySelector("[data-quoted]")) return false;
  const rest = body.cloneNode(true) as HTMLElement;
  for (const quoted of rest.querySelectorAll("[data-quoted]")) quoted.remove();
  if (!rest.textContent.trim() && !rest.querySelector("img")) return false;
  if (folded) body.replaceChildren(...rest.childNodes);
  return true;
}

function removeHandlers(element: Element): void {
  for (const { name } of [...element.attributes]) {
    if (name.startsWith("on") || name === "srcdoc" || name === "formaction" || name === "ping")
      element.removeAttribute(name);
  }
}

function guardLink(link: Element): void {
  const href = link.getAttribute("href") ?? "";
  link.removeAttribute("xlink:href");
  if (!URL.canParse(href) || !LINK_SCHEMES.includes(new URL(href).protocol)) link.removeAttribute("href");
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener noreferrer");
}

function showInline(image: HTMLImageElement, images: ReadonlyMap<string, string>): string {
  const contentId = contentIdOf(image.getAttribute("src") ?? "");
  const data = images.get(contentId);
  if (data) image.setAttribute("src", data);
  else image.removeAttribute("src");
  return contentId;
}

function showRemote(image: HTMLImageElement): void {
  const address = image.getAttribute("data-remote-src") ?? "";
  if (URL.canParse(address) && ["http:", "https:"].includes(new URL(address).protocol))
    image.setAttribute("src", address);
}

const SHOWABLE = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const LARGEST_INLINE = 5_000_000;

/** The attachment behind a Content-ID, if it is an image the gateway hands out inline and not too large for the page. */
export function inlineImage(attachments: Attachment[], contentId: string): Attachment | undefined {
  return attachments.find(
    (file) =>
      file.contentId.toLowerCase() === contentId &&
      SHOWABLE.includes(file.contentType.toLowerCase()) &&
      Number(file.size) <= LARGEST_INLINE,
  );
}

/** Nothing runs and nothing loads, whatever the body holds: only inline styles and images that came with it. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export const FRAME_STYLE = `
  html { color-scheme: light; }
  body { margin: 0; padding: 18px 20px; background: #fff; color: #1a2326; overflow-wrap: break-word;
         font: 15px/1.55 "Geist Variable", system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
  body > :first-child { margin-top: 0; }
  body > :last-child { margin-bottom: 0; }
  img, video { max-width: 100%; height: auto; }
  img:not([src]) { padding: 2px 8px; border: 1px dashed #cdc8bc; border-radius: 4px; color: #5f6b71; font-size: 13px; }
  table { max-width: 100%; }
  a { color: #0c5360; }
  blockquote { margin: 12px 0; padding-left: 12px; border-left: 3px solid #cdc8bc; color: #465359; }
  pre { white-space: pre-wrap; }
`;

/** The dark theme's surface and inks; the frame cannot see the page's variables. */
const DARK_STYLE = `
  html { color-scheme: dark; }
  body { background: #182023; color: #e8edee; }
  a { color: #84ced8; }
  blockquote { border-left-color: #3e4b50; color: #b6c1c5; }
`;

export function frameDocument(html: string, language: string, dark = false): string {
  return `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}"><meta name="referrer" content="no-referrer"><style>${FRAME_STYLE}${dark ? DARK_STYLE : ""}</style></head><body>${html}</body></html>`;
}
