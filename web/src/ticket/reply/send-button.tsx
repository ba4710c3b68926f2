import { ActionIcon, Button, Menu, Popover } from "@mantine/core";
import { IconCheck, IconChevronDown, IconClockHour4, IconSend } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { SettableStatus } from "@/api/types";
import { AwaitChoice } from "@/ticket/verbs/await-choice";
import { absoluteTime } from "@/ui/format";
import { statusStyle } from "@/ui/status-style";
import type { SendAs } from "./draft";
import styles from "./reply.module.css";

const STATUSES: SettableStatus[] = ["OPEN", "PENDING", "RESOLVED", "CLOSED"];

interface SendButtonProps {
  sendAs: SendAs;
  onChange: (sendAs: SendAs) => void;
  send: () => void;
  sending: boolean;
  disabled: boolean;
}

/** "Enviar como …": one press sends; what it is sent as is chosen beside it. */
export function SendButton({ sendAs, onChange, send, sending, disabled }: SendButtonProps) {
  const { t } = useTranslation();
  return (
    <div className={styles.send}>
      <Button
        leftSection={<IconSend size={16} aria-hidden />}
        onClick={send}
        loading={sending}
        disabled={disabled}
        title={t("reply.sendHint")}
        data-testid="send"
      >
        {t("reply.sendAs", { status: t(`status.${sendAs.status}`) })}
      </Button>
      <Menu position="top-end" width={300} shadow="md">
        <Menu.Target>
          <ActionIcon
            variant="filled"
            size={36}
            disabled={disabled || sending}
            aria-label={t("reply.chooseStatus")}
            data-testid="send-as"
          >
            <IconChevronDown size={17} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t("reply.sendAsTitle")}</Menu.Label>
          {STATUSES.map((status) => (
            <Menu.Item
              key={status}
              leftSection={<span className={styles.dot} style={statusStyle(status)} aria-hidden />}
              rightSection={status === sendAs.status && <IconCheck size={15} aria-hidden />}
              aria-current={status === sendAs.status}
              onClick={() => onChange({ ...sendAs, status })}
              data-testid={`send-as-${status}`}
            >
              {t(`status.${status}`)}
              <small className={styles.statusHint}>{t(`reply.statusHint.${status}`)}</small>
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}

interface AwaitButtonProps {
  sendAs: SendAs;
  onChange: (sendAs: SendAs) => void;
  error: string;
}

/** For a reply that waits: who sees the ticket meanwhile, until when; told in brief, changed in place. */
export function AwaitButton({ sendAs, onChange, error }: AwaitButtonProps) {
  const { t, i18n } = useTranslation();
  const [opened, setOpened] = useState(false);
  if (sendAs.status !== "PENDING") return null;
  const { mode, until } = sendAs.awaiting;
  const end = until ? t("fact.awaitingUntil", { time: absoluteTime(until, i18n.language) }) : t("fact.noEnd");
  return (
    <Popover
      opened={opened || error !== ""}
      onChange={setOpened}
      position="top-end"
      width="min(440px, calc(100vw - 24px))"
      shadow="md"
      trapFocus
      withinPortal
    >
      <Popover.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={<IconClockHour4 size={16} aria-hidden />}
          onClick={() => setOpened(!opened)}
          aria-haspopup="dialog"
          data-testid="await-choice"
        >
          {t(mode === "FOLLOW" ? "await.follow" : "await.release")}, {end}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("await.title")}>
        <AwaitChoice value={sendAs.awaiting} error={error} onChange={(awaiting) => onChange({ ...sendAs, awaiting })} />
      </Popover.Dropdown>
    </Popover>
  );
}
