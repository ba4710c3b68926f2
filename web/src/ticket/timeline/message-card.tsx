import { IconAlertTriangle, IconChevronDown, IconInfoCircle, IconMailX, IconRobot } from "@tabler/icons-react";
import { Tooltip } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { MailAddress, Message } from "@/api/types";
import { absoluteTime, fullTime, initials } from "@/ui/format";
import { Attachments } from "./attachments";
import { DeliveryMark, DeliveryTrouble } from "./delivery";
import { MessageBody } from "./message-body";
import styles from "./message.module.css";
import { shownAddress } from "./shown-address";

interface CardProps {
  ticketId: string;
  message: Message;
  mayResend: boolean;
}

export const senderName = (sender: MailAddress | null): string => sender?.name || sender?.email || "";

/** A message of the conversation: by the customer, by an attendant, or by a machine; each looks its part. */
export function MessageCard(props: CardProps) {
  return props.message.automatic === "UNSPECIFIED" ? <PersonsMessage {...props} /> : <MachinesMessage {...props} />;
}

function useTitleOf(message: Message): string {
  const { t } = useTranslation();
  const name = message.author?.name || senderName(message.sender) || t("queue.unknownPublisher");
  if (message.automatic !== "UNSPECIFIED") return t("timeline.machineTitle", { name });
  return t(message.direction === "OUT" ? "timeline.outTitle" : "message.frameTitle", { name });
}

function PersonsMessage(props: CardProps) {
  const { message } = props;
  return (
    <article
      className={styles.message}
      aria-label={useTitleOf(message)}
      data-direction={message.direction}
      data-message-id={message.id}
      data-testid="message"
      tabIndex={-1}
    >
      <MessageHead message={message} />
      <MessageContent {...props} />
    </article>
  );
}

/** Folded, since a machine's words rarely matter; a bounce is told in the line that stays. */
function MachinesMessage(props: CardProps) {
  const { message } = props;
  const { t, i18n } = useTranslation();
  const [open, setOpen] = useState(false);
  const bounce = message.automatic === "BOUNCE";
  const Icon = bounce ? IconMailX : IconRobot;
  return (
    <article
      className={styles.machine}
      aria-label={useTitleOf(message)}
      data-direction={message.direction}
      data-automatic={message.automatic}
      data-message-id={message.id}
      data-testid="message"
      tabIndex={-1}
    >
      <div className={styles.machineHead}>
        <span className={styles.machineIcon} aria-hidden>
          <Icon size={17} stroke={1.7} />
        </span>
        <span className={styles.machineWhat}>
          <strong>{t(`timeline.automatic.${message.automatic}`)}</strong>
          <small>
            {message.direction === "IN" ? senderName(message.sender) : addresses(message.to)}
            {message.receivedAt && ` · ${absoluteTime(message.receivedAt, i18n.language)}`}
          </small>
        </span>
        {message.delivery && <DeliveryMark delivery={message.delivery} />}
        <button
          type="button"
          className={styles.unfold}
          aria-expanded={open}
          aria-label={`${t(open ? "timeline.hide" : "timeline.show")}: ${t(`timeline.automatic.${message.automatic}`)}`}
          onClick={() => setOpen(!open)}
          data-testid="unfold-message"
        >
          <IconChevronDown size={18} aria-hidden />
        </button>
      </div>
      {open && <MessageContent {...props} />}
      {!open && message.delivery && <DeliveryTrouble {...props} delivery={message.delivery} />}
    </article>
  );
}

function MessageContent({ ticketId, message, mayResend }: CardProps) {
  const { t } = useTranslation();
  return (
    <>
      {message.delivery && (
        <DeliveryTrouble ticketId={ticketId} message={message} delivery={message.delivery} mayResend={mayResend} />
      )}
      <Warnings codes={message.warnings} />
      {message.joinedBy === "PROTOCOL" && (
        <Notice>
          <span data-testid="joined-by">{t("timeline.joined.PROTOCOL")}</span>
        </Notice>
      )}
      <MessageBody ticketId={ticketId} message={message} title={useTitleOf(message)} />
      <Attachments ticketId={ticketId} files={message.attachments} />
    </>
  );
}

function MessageHead({ message }: { message: Message }) {
  const { t } = useTranslation();
  const { sender, author } = message;
  const name = author?.name || senderName(sender) || t("queue.unknownPublisher");
  const address = sender?.name || author ? sender?.email : "";
  return (
    <header className={styles.head}>
      <span className={styles.face} aria-hidden>
        {initials(name)}
      </span>
      <div className={styles.from}>
        <span className="visually-hidden">{t("message.from")}: </span>
        <strong data-testid="message-author">{name}</strong>{" "}
        {address && <span className={styles.address}>&lt;{address}&gt;</span>}
      </div>
      <div className={styles.when}>
        <MessageTime message={message} />
        {message.delivery && <DeliveryMark delivery={message.delivery} />}
      </div>
      <div className={styles.recipients}>
        <Recipients message={message} />
        <JoinedBy message={message} />
      </div>
    </header>
  );
}

function MessageTime({ message }: { message: Message }) {
  const { i18n } = useTranslation();
  const at = message.receivedAt ?? message.delivery?.at;
  return (
    <>
      {at && (
        <time dateTime={at} title={fullTime(at, i18n.language)}>
          {absoluteTime(at, i18n.language)}
        </time>
      )}
      {message.direction === "IN" && <WrittenAt message={message} />}
    </>
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

/** By name, where there is one; the addresses behind the names on pointing. */
function Recipients({ message }: { message: Message }) {
  const { t } = useTranslation();
  const rows: [string, MailAddress[]][] = [
    [t("message.to"), message.to],
    [t("message.cc"), message.cc],
    [t("timeline.bcc"), message.bcc],
  ];
  const told = (say: (boxes: MailAddress[]) => string): string =>
    rows
      .filter(([, boxes], index) => index === 0 || boxes.length > 0)
      .map(([label, boxes]) => `${label}: ${say(boxes) || t("message.noRecipients")}`)
      .join(" · ");
  return (
    <span title={told(addresses)}>
      {told((boxes) => boxes.map(({ name, email }) => name || shownAddress(email)).join(", "))}
    </span>
  );
}

function addresses(boxes: MailAddress[]): string {
  return boxes.map(({ name, email }) => (name ? `${name} <${shownAddress(email)}>` : shownAddress(email))).join(", ");
}

/** Why it stands here; where only the protocol says so, a notice tells it instead. */
function JoinedBy({ message: { joinedBy } }: { message: Message }) {
  const { t } = useTranslation();
  if (joinedBy === "UNSPECIFIED" || joinedBy === "PROTOCOL") return null;
  const text = t(`timeline.joined.${joinedBy}`);
  return (
    <Tooltip label={text} multiline w={280} events={{ hover: true, focus: true, touch: true }}>
      <button
        type="button"
        className={styles.joined}
        aria-label={`${t("timeline.joinedLabel")}: ${text}`}
        data-testid="joined-by"
      >
        <IconInfoCircle size={15} stroke={1.8} aria-hidden /> {t("timeline.joinedShort")}
      </button>
    </Tooltip>
  );
}

function Notice({ children }: { children: ReactNode }) {
  return (
    <div className={styles.notice} data-warning>
      <IconAlertTriangle size={16} stroke={1.8} aria-hidden />
      {children}
    </div>
  );
}

function Warnings({ codes }: { codes: string[] }) {
  const { t, i18n } = useTranslation();
  // Nothing an attendant could act upon, and told beside the date already.
  const told = codes.filter((code) => code !== "DATE_MISSING");
  if (told.length === 0) return null;
  return (
    <div className={styles.notices} role="note" aria-label={t("message.warning")}>
      {told.map((code) => (
        <Notice key={code}>
          <span>
            {i18n.exists(`warning.${code}`) ? t(`warning.${code}` as "warning.PARTS_TRUNCATED") : t("warning.other")}
          </span>
        </Notice>
      ))}
    </div>
  );
}
