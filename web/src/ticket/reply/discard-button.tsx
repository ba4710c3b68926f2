import { ActionIcon, Button, Popover, Tooltip } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import styles from "./discard.module.css";

export function DiscardButton({ discard }: { discard: () => void }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  return (
    <Popover
      opened={asking}
      onChange={setAsking}
      width="min(300px, calc(100vw - 24px))"
      position="top-start"
      withArrow
      shadow="md"
      trapFocus
    >
      <Popover.Target>
        <Tooltip label={t("reply.discard")} disabled={asking}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size={36}
            aria-label={t("reply.discard")}
            onClick={() => setAsking(!asking)}
            data-testid="discard"
          >
            <IconTrash size={18} stroke={1.8} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("reply.discardTitle")}>
        <p className={styles.question}>{t("reply.discardText")}</p>
        <div className={styles.answers}>
          <Button size="compact-sm" variant="default" onClick={() => setAsking(false)}>
            {t("reply.discardKeep")}
          </Button>
          <Button size="compact-sm" color="red.9" onClick={discard} data-testid="discard-yes">
            {t("reply.discard")}
          </Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
