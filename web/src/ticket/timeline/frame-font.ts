import fontAddress from "@fontsource-variable/geist/files/geist-latin-wght-normal.woff2?url";

let bytes: Promise<ArrayBuffer> | undefined;

/**
 * The page's own font, for a message without one: what is read looks like what is written. A frame may load nothing, and a
 * font handed to it as bytes is nothing loaded. Where that fails, the system's font is readable too.
 */
export async function lendFont(inner: Document): Promise<void> {
  const view = inner.defaultView;
  if (!view || !("FontFace" in view)) return;
  bytes ??= fetch(fontAddress).then((answer) => answer.arrayBuffer());
  try {
    inner.fonts.add(new view.FontFace("Geist Variable", await bytes, { weight: "100 900" }));
  } catch {
    bytes = undefined;
  }
}
