import { ActionIcon, Button, Progress } from "@mantine/core";
import { IconAlertTriangle, IconPaperclip, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { fileSize } from "@/ui/format";
import type { UploadedFile } from "./draft";
import styles from "./reply.module.css";
import { mayRetry, type Pending } from "./use-uploads";

interface FileListProps {
  files: UploadedFile[];
  pending: Pending[];
  limit: number;
  removeFile: (id: string) => void;
  removePending: (key: string) => void;
  retry: (key: string) => void;
}

/** The reply's files: those on the server, those on their way, those that did not get through. */
export function FileList({ files, pending, limit, removeFile, removePending, retry }: FileListProps) {
  const { t, i18n } = useTranslation();
  if (files.length + pending.length === 0) return null;
  return (
    <ul className={styles.files} aria-label={t("files.listLabel")}>
      {files.map(({ id, name, size }) => (
        <li key={id} className={styles.file} data-testid="draft-file">
          <IconPaperclip size={16} stroke={1.8} aria-hidden />
          <span className={styles.fileName} title={name}>
            {name}
          </span>
          <small>{fileSize(size, i18n.language)}</small>
          <Remove name={name} onClick={() => removeFile(id)} />
        </li>
      ))}
      {pending.map((one) => (
        <li key={one.key} className={styles.file} data-state={one.state} data-testid="draft-file">
          {one.state === "failed" ? (
            <IconAlertTriangle size={16} stroke={1.8} aria-hidden />
          ) : (
            <IconPaperclip size={16} stroke={1.8} aria-hidden />
          )}
          <span className={styles.fileName} title={one.name}>
            {one.name}
          </span>
          <PendingState one={one} />
          {one.state === "failed" && mayRetry(one, limit) && (
            <Button
              size="compact-xs"
              variant="subtle"
              onClick={() => retry(one.key)}
              aria-label={t("files.retryNamed", { name: one.name })}
              data-testid="retry-upload"
            >
              {t("files.retry")}
            </Button>
          )}
          <Remove name={one.name} onClick={() => removePending(one.key)} />
          {one.state === "uploading" && (
            <Progress
              className={styles.progress ?? ""}
              size={3}
              value={one.share * 100}
              aria-label={t("files.progress", { name: one.name })}
            />
          )}
        </li>
      ))}
    </ul>
  );
}

function PendingState({ one }: { one: Pending }) {
  const { t } = useTranslation();
  if (one.state === "waiting") return <small>{t("files.waiting")}</small>;
  if (one.state === "failed") return <small role="alert">{t("files.failed", { reason: one.reason })}</small>;
  return <small className="tabular">{t("files.uploading", { percent: Math.round(one.share * 100) })}</small>;
}

function Remove({ name, onClick }: { name: string; onClick: () => void }) {
  const { t } = useTranslation();
  return (
    <ActionIcon size="sm" variant="subtle" color="gray" onClick={onClick} aria-label={t("files.remove", { name })}>
      <IconX size={14} aria-hidden />
    </ActionIcon>
  );
}
