import { Button } from "@mantine/core";
import { IconMailDown } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Message } from "@/api/types";
import styles from "./reply.module.css";

interface ArrivedProps {
  arrived: Message[];
  /** Whether sending was already refused for it. */
  stale: boolean;
  sending: boolean;
  look: (messageId: string) => void;
  seen: () => void;
  sendAnyway: () => void;
}

/** So that nobody answers past what has just come in. */
export function ArrivedNotice({ arrived, stale, sending, look, seen, sendAnyway }: ArrivedProps) {
  const { t } = useTranslation();
  const title = useArrivedTitle(arrived);
  const first = arrived[0];
  if (!first && !stale) return null;
  return (
    <div className={styles.arrived} role="alert" data-testid="arrived">
      <IconMailDown size={19} stroke={1.7} aria-hidden />
      <div className={styles.arrivedText}>
        <strong>{title}</strong>
        {first && <q>{first.newText.trim().slice(0, 160) || first.subject}</q>}
        {stale && <span>{t("arrived.stopped")}</span>}
      </div>
      <div className={styles.arrivedButtons}>
        {first && (
          <Button size="compact-sm" variant="default" onClick={() => look(first.id)} data-testid="arrived-look">
            {t("arrived.look")}
          </Button>
        )}
        {stale ? (
          <Button size="compact-sm" color="orange" loading={sending} onClick={sendAnyway} data-testid="send-anyway">
            {t("arrived.sendAnyway")}
          </Button>
        ) : (
          <Button size="compact-sm" variant="subtle" color="gray" onClick={seen} data-testid="arrived-seen">
            {t("arrived.seen")}
          </Button>
        )}
      </div>
    </div>
  );
}

function useArrivedTitle(arrived: Message[]): string {
  const { t } = useTranslation();
  const [first] = arrived;
  if (arrived.length > 1) return t("arrived.several", { count: arrived.length });
  if (first?.direction === "OUT") return t("arrived.colleague", { name: first.author?.name ?? "" });
  return t("arrived.title");
}
