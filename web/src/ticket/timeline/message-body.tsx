import { Button, Skeleton, useComputedColorScheme } from "@mantine/core";
import { IconDots, IconPhotoOff } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Message } from "@/api/types";
import { prepareHtml } from "./html-body";
import { useInlineImages } from "./inline-images";
import { MessageFrame } from "./message-frame";
import styles from "./message.module.css";
import { linked } from "./plain-text";
import { piecesOf } from "./quoted";

interface BodyProps {
  ticketId: string;
  message: Message;
  title: string;
}

/** What a message says; the history quoted in it is folded away, since it stands above already. */
export function MessageBody(props: BodyProps) {
  const { message } = props;
  return message.html ? <HtmlBody {...props} /> : <TextBody text={message.text} newText={message.newText} />;
}

function HtmlBody({ ticketId, message, title }: BodyProps) {
  const { t } = useTranslation();
  const [remote, setRemote] = useState(false);
  const [asText, setAsText] = useState(false);
  const [unfolded, setUnfolded] = useState(false);
  const images = useInlineImages(ticketId, message);
  const dark = useComputedColorScheme("light") === "dark";
  // Written in our own editor, it has no colours of its own and can follow the page's.
  const ours = message.direction === "OUT";
  const offersText = message.text !== "" && !ours;
  if (!images) return <Skeleton height={120} radius={0} />;
  const { html, hasRemoteImages, hasQuoted } = prepareHtml(message.html, images, remote, !unfolded);
  return (
    <>
      {hasRemoteImages && !remote && !asText && (
        <div className={styles.notice}>
          <IconPhotoOff size={17} stroke={1.7} aria-hidden />
          <span>{t("message.remoteBlocked")}</span>
          <Button size="compact-sm" variant="default" onClick={() => setRemote(true)} data-testid="show-remote-images">
            {t("message.showRemote")}
          </Button>
        </div>
      )}
      {asText ? (
        <TextBody text={message.text} newText={message.newText} />
      ) : (
        <MessageFrame key={String(unfolded)} html={html} title={title} remote={remote} dark={ours && dark} />
      )}
      {((hasQuoted && !asText) || offersText) && (
        <div className={styles.foot}>
          {hasQuoted && !asText && <QuotedToggle open={unfolded} toggle={() => setUnfolded(!unfolded)} />}
          {offersText && (
            <Button
              className={styles.asText ?? ""}
              size="compact-xs"
              variant="subtle"
              color="gray"
              onClick={() => setAsText(!asText)}
              data-testid="toggle-text"
            >
              {asText ? t("message.asHtml") : t("message.asText")}
            </Button>
          )}
        </div>
      )}
    </>
  );
}

function TextBody({ text, newText }: { text: string; newText: string }) {
  const { t } = useTranslation();
  const [unfolded, setUnfolded] = useState(false);
  const pieces = piecesOf(text, newText);
  if (!text.trim()) return <p className={styles.empty}>{t("message.empty")}</p>;
  const folds = pieces.some(({ quoted }) => quoted);
  return (
    <>
      <div className={styles.text} data-testid="message-text">
        {pieces.map(({ quoted, text: piece }, index) => {
          if (!quoted) return <span key={index}>{linked(index === 0 ? piece : `\n${piece}`)}</span>;
          return unfolded ? (
            <span key={index} className={styles.quoted}>
              {linked(index === 0 ? piece : `\n${piece}`)}
            </span>
          ) : null;
        })}
      </div>
      {folds && (
        <div className={styles.quotedBar}>
          <QuotedToggle open={unfolded} toggle={() => setUnfolded(!unfolded)} />
        </div>
      )}
    </>
  );
}

function QuotedToggle({ open, toggle }: { open: boolean; toggle: () => void }) {
  const { t } = useTranslation();
  const label = t(open ? "timeline.hideQuoted" : "timeline.showQuoted");
  return (
    <button
      type="button"
      className={styles.quotedToggle}
      aria-expanded={open}
      title={label}
      onClick={toggle}
      data-testid="toggle-quoted"
    >
      <IconDots size={17} aria-hidden />
      <span className={open ? undefined : "visually-hidden"}>{label}</span>
    </button>
  );
}
