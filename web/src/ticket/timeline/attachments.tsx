import {
  IconDownload,
  IconFile,
  IconFileSpreadsheet,
  IconFileText,
  IconFileTypePdf,
  IconFileZip,
  IconMusic,
  IconPhoto,
  IconVideo,
} from "@tabler/icons-react";
import type { MouseEvent } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import type { Attachment } from "@/api/types";
import { fileSize } from "@/ui/format";
import styles from "./attachments.module.css";

const ICONS = {
  image: IconPhoto,
  audio: IconMusic,
  video: IconVideo,
  pdf: IconFileTypePdf,
  sheet: IconFileSpreadsheet,
  archive: IconFileZip,
  text: IconFileText,
  other: IconFile,
};

const KINDS: [RegExp, keyof typeof ICONS][] = [
  [/^image\//, "image"],
  [/^audio\//, "audio"],
  [/^video\//, "video"],
  [/pdf/, "pdf"],
  [/spreadsheet|excel|csv/, "sheet"],
  [/zip|compressed|x-rar|x-7z|gzip/, "archive"],
  [/^text\/|word|opendocument\.text|rtf/, "text"],
];

function kindOf(contentType: string): keyof typeof ICONS {
  return KINDS.find(([pattern]) => pattern.test(contentType.toLowerCase()))?.[1] ?? "other";
}

/** The files of a message that are not part of its text. */
export function Attachments({ ticketId, files }: { ticketId: string; files: Attachment[] }) {
  const { t } = useTranslation();
  const listed = files.filter((file) => !file.inline);
  if (listed.length === 0) return null;
  return (
    <section className={styles.attachments}>
      <h2>{t("message.attachments", { count: listed.length })}</h2>
      <ul>
        {listed.map((file) => (
          <li key={file.id}>
            <FileLink ticketId={ticketId} file={file} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function FileLink({ ticketId, file }: { ticketId: string; file: Attachment }) {
  const { t, i18n } = useTranslation();
  const Icon = ICONS[kindOf(file.contentType)];
  const name = file.fileName || t("message.unnamedFile");
  const size = fileSize(Number(file.size), i18n.language);
  const href = `/api/v1/tickets/${ticketId}/attachments/${file.id}`;
  return (
    <a
      className={styles.file}
      href={href}
      download={name}
      onClick={(event) => void download(event, href, name)}
      aria-label={t("message.download", { name, size })}
      data-testid="attachment"
      data-attachment-id={file.id}
    >
      <span className={styles.fileIcon} aria-hidden>
        <Icon size={19} stroke={1.6} />
      </span>
      <span className={styles.fileName} title={name}>
        {name}
        <span className={styles.fileSize}>{size}</span>
      </span>
      <IconDownload size={17} stroke={1.7} aria-hidden />
    </a>
  );
}

/**
 * The browser downloads by itself, to disk and not through memory; but it cannot renew an expired session. So something cheap
 * is asked first, which does.
 */
async function download(event: MouseEvent, href: string, name: string): Promise<void> {
  event.preventDefault();
  await api.GET("/api/v1/me").catch(() => undefined);
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}
