import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { lendFont } from "./frame-font";
import { FRAME_STYLE, frameDocument } from "./html-body";
import styles from "./message.module.css";

/**
 * allow-same-origin is there without allow-scripts, and only together would they be dangerous: since nothing in the frame can
 * run, its origin is of no use to the message, while it lets this page measure the content's height. Links may open in a new
 * tab, which must not be sandboxed itself or the page behind the link would not work.
 */
const SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";

const SMALLEST = 60;
const LARGEST = 20_000;
/** A body as high as its frame (100vh) grows with each measurement; real content settles after a few images. */
const MOST_ADJUSTMENTS = 60;

interface FrameProps {
  html: string;
  title: string;
  /** Lets the message load images from elsewhere: through a page with a policy of its own, since srcdoc inherits ours. */
  remote: boolean;
  /** In the dark theme's colours; only for what has none of its own. */
  dark: boolean;
}

export function MessageFrame({ html, title, remote, dark }: FrameProps) {
  const { i18n } = useTranslation();
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(220);
  const [shown, setShown] = useState<Document>();

  useEffect(() => (shown ? followHeight(shown, setHeight) : undefined), [shown]);

  function onLoad(): void {
    const inner = frame.current?.contentDocument;
    if (!inner) return;
    if (remote) fill(inner, html);
    void lendFont(inner);
    setShown(inner);
  }

  const content = remote ? { src: "/frame.html" } : { srcDoc: frameDocument(html, i18n.language, dark) };
  return (
    <iframe
      ref={frame}
      key={remote ? "remote" : "strict"}
      className={styles.frame}
      data-dark={dark || undefined}
      sandbox={SANDBOX}
      referrerPolicy="no-referrer"
      title={title}
      style={{ height }}
      onLoad={onLoad}
      data-testid="message-frame"
      {...content}
    />
  );
}

function fill(inner: Document, html: string): void {
  const style = inner.createElement("style");
  style.textContent = FRAME_STYLE;
  inner.head.append(style);
  inner.body.innerHTML = html;
}

function followHeight(inner: Document, setHeight: (height: number) => void): () => void {
  let adjustments = 0;
  const measure = (): void => {
    adjustments += 1;
    if (adjustments > MOST_ADJUSTMENTS) return;
    // A wide table scrolls sideways within the frame; its scroll bar needs room of its own.
    const sideways = inner.documentElement.scrollWidth > inner.documentElement.clientWidth ? 16 : 0;
    setHeight(Math.min(LARGEST, Math.max(SMALLEST, inner.body.scrollHeight + sideways)));
  };
  measure();
  const observer = new ResizeObserver(measure);
  observer.observe(inner.body);
  return () => observer.disconnect();
}
