import { Button, Skeleton } from "@mantine/core";
import { IconAlertTriangle, IconPhotoOff } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { MailAddress, Message } from "@/api/types";
import { absoluteTime, fullTime, initials } from "@/ui/format";
import { Failed } from "@/ui/states";
import { Attachments } from "./attachments";
import { prepareHtml } from "./html-body";
import { useInlineImages } from "./inline-images";
import styles from "./message.module.css";
import { MessageFrame } from "./message-frame";
import { linked } from "./plain-text";
import { useMessages } from "./queries";

/** What the customer wrote, oldest first. */
export function Messages({ ticketId }: { ticketId: string }) {
  const { t } = useTranslation();
  const messages = useMessages(ticketId);
  if (messages.isPending) return <LoadingMessage />;
  if (!messages.data)
    return <Failed title={t("message.failed")} error={messages.error} retry={() => void messages.refetch()} />;
  return (
    <div className={styles.list}>
      {messages.data.length === 0 && <p className={styles.empty}>{t("message.none")}</p>}
      {messages.data.map((message) => (
        <MessageView key={message.id} ticketId={ticketId} message={message} />
      ))}
      {messages.hasNextPage && (
        <Button variant="default" loading={messages.isFetchingNextPage} onClick={() => void messages.fetchNextPage()}>
          {t("message.loadOlder")}
        </Button>
      )}
    </div>
  );
}

function MessageView({ ticketId, message }: { ticketId: string; message: Message }) {
  const { t } = useTranslation();
  return (
    <article
      className={styles.message}
      aria-label={t("message.frameTitle", { name: senderName(message.sender) || t("queue.unknownPublisher") })}
    >
      <MessageHead message={message} />
      <Warnings codes={message.warnings} />
      {message.html ? <HtmlBody ticketId={ticketId} message={message} /> : <TextBody text={message.text} />}
      <Attachments ticketId={ticketId} files={message.attachments} />
    </article>
  );
}

const senderName = (sender: MailAddress | null): string => sender?.name || sender?.email || "";

function MessageHead({ message }: { message: Message }) {
  const { t, i18n } = useTranslation();
  const { sender } = message;
  const name = senderName(sender) || t("queue.unknownPublisher");
  return (
    <header className={styles.head}>
      <span className={styles.face} aria-hidden>
        {initials(name)}
      </span>
      <div className={styles.from}>
        <span className="visually-hidden">{t("message.from")}: </span>
        <strong>{name}</strong> {sender?.name && <span className={styles.address}>&lt;{sender.email}&gt;</span>}
      </div>
      <div className={styles.when}>
        {message.receivedAt && (
          <time dateTime={message.receivedAt} title={fullTime(message.receivedAt, i18n.language)}>
            {absoluteTime(message.receivedAt, i18n.language)}
          </time>
        )}
        <WrittenAt message={message} />
      </div>
      <div className={styles.recipients}>
        {t("message.to")}: {addresses(message.to) || t("message.noRecipients")}
        {message.cc.length > 0 && ` · ${t("message.cc")}: ${addresses(message.cc)}`}
      </div>
    </header>
  );
}

/** The date the sender's machine claims: told only where it differs from the one that is known. */
function WrittenAt({ message: { date, receivedAt } }: { message: Message }) {
  const { t, i18n } = useTranslation();
  if (!date) return <small> {t("message.notDated")}</small>;
  if (receivedAt && Math.abs(Date.parse(date) - Date.parse(receivedAt)) < 60_000) return null;
  return (
    <small title={fullTime(date, i18n.language)}>
      {" "}
      {t("message.sentAt")}: {absoluteTime(date, i18n.language)}
    </small>
  );
}

function addresses(boxes: MailAddress[]): string {
  return boxes.map(({ name, email }) => (name ? `${name} <${email}>` : email)).join(", ");
}

function Warnings({ codes }: { codes: string[] }) {
  const { t, i18n } = useTranslation();
  // Nothing an attendant could act upon, and told beside the date already.
  const told = codes.filter((code) => code !== "DATE_MISSING");
  if (told.length === 0) return null;
  return (
    <div className={styles.notices} role="note" aria-label={t("message.warning")}>
      {told.map((code) => (
        <div key={code} className={styles.notice} data-warning>
          <IconAlertTriangle size={16} stroke={1.8} aria-hidden />
          <span>
            {i18n.exists(`warning.${code}`) ? t(`warning.${code}` as "warning.PARTS_TRUNCATED") : t("warning.other")}
          </span>
        </div>
      ))}
    </div>
  );
}

function HtmlBody({ ticketId, message }: { ticketId: string; message: Message }) {
  const { t } = useTranslation();
  const [remote, setRemote] = useState(false);
  const [asText, setAsText] = useState(false);
  const images = useInlineImages(ticketId, message);
  if (!images) return <Skeleton height={220} radius={0} />;
  const { html, hasRemoteImages } = prepareHtml(message.html, images, remote);
  const title = t("message.frameTitle", { name: senderName(message.sender) || t("queue.unknownPublisher") });
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
      {asText ? <TextBody text={message.text} /> : <MessageFrame html={html} title={title} remote={remote} />}
      {message.text && (
        <div className={styles.foot}>
          <Button
            size="compact-sm"
            variant="subtle"
            color="gray"
            onClick={() => setAsText(!asText)}
            data-testid="toggle-text"
          >
            {asText ? t("message.asHtml") : t("message.asText")}
          </Button>
        </div>
      )}
    </>
  );
}

function TextBody({ text }: { text: string }) {
  const { t } = useTranslation();
  if (!text.trim()) return <p className={styles.empty}>{t("message.empty")}</p>;
  return (
    <div className={styles.text} data-testid="message-text">
      {linked(text)}
    </div>
  );
}

function LoadingMessage() {
  const { t } = useTranslation();
  return (
    <div className={styles.message} role="status" aria-label={t("loading")}>
      <div className={styles.head}>
        <Skeleton height={40} circle />
        <Skeleton height={16} width="45%" />
      </div>
      <div className={styles.text}>
        {[92, 84, 88, 40].map((width) => (
          <Skeleton key={width} height={13} width={`${width}%`} mb={12} />
        ))}
      </div>
    </div>
  );
}
