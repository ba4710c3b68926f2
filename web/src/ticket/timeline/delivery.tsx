import { Button, Loader, Popover, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconClock, IconHelpCircle, IconRefresh, IconX } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { answerOf } from "@/api/problem";
import type { Delivery, Message } from "@/api/types";
import { ticketKeys } from "@/queue/keys";
import { useComplain } from "@/ticket/verbs/act";
import { absoluteTime } from "@/ui/format";
import { notify } from "@/ui/notify";
import styles from "./delivery.module.css";

const ICONS = {
  UNSPECIFIED: IconHelpCircle,
  QUEUED: IconClock,
  SENT: IconCheck,
  FAILED: IconX,
  UNKNOWN: IconHelpCircle,
};

/** How far a message has come, in a word. */
export function DeliveryMark({ delivery }: { delivery: Delivery }) {
  const { t, i18n } = useTranslation();
  const { state, at } = delivery;
  const word = t(`delivery.${state}`);
  const label = at ? t("delivery.since", { state: word, time: absoluteTime(at, i18n.language) }) : word;
  const Icon = state === "SENDING" ? undefined : ICONS[state];
  return (
    <Tooltip label={label}>
      <span className={styles.mark} data-state={state} data-testid="delivery-state" role="status">
        {Icon ? <Icon size={14} stroke={2.2} aria-hidden /> : <Loader size={12} color="gray" aria-hidden />}
        {word}
      </span>
    </Tooltip>
  );
}

interface TroubleProps {
  ticketId: string;
  message: Message;
  delivery: Delivery;
  mayResend: boolean;
}

/** What did not go as it should, in the words of the server that said so, and what can be done. */
export function DeliveryTrouble({ ticketId, message, delivery, mayResend }: TroubleProps) {
  const { t } = useTranslation();
  const { state, detail, refused } = delivery;
  const waits = state === "QUEUED" && detail !== "";
  const ended = state === "FAILED" || state === "UNKNOWN";
  if (!waits && !ended && refused.length === 0) return null;
  return (
    <div className={styles.trouble} data-state={state} data-testid="delivery-trouble">
      <IconAlertTriangle size={17} stroke={1.8} aria-hidden />
      <div className={styles.words}>
        {state === "FAILED" && <strong>{t("delivery.failedText")}</strong>}
        {state === "UNKNOWN" && <span>{t("delivery.unknownText")}</span>}
        {waits && <span>{t("delivery.queuedDetail")}</span>}
        {detail && (
          <span className={styles.server}>
            {t("delivery.serverSaid")} <q>{detail}</q>
          </span>
        )}
        {refused.length > 0 && (
          <div data-testid="refused-recipients">
            {t("delivery.refused")}
            <ul>
              {refused.map(({ email, detail: words }) => (
                <li key={email}>
                  {email} {words && <q>{words}</q>}
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
      {ended && mayResend && (
        <ResendButton ticketId={ticketId} message={message} mayHaveArrived={state === "UNKNOWN"} />
      )}
    </div>
  );
}

interface ResendProps {
  ticketId: string;
  message: Message;
  mayHaveArrived: boolean;
}

/** Where it may have arrived the first time, only after a second thought. */
function ResendButton({ ticketId, message, mayHaveArrived }: ResendProps) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const queryClient = useQueryClient();
  const complain = useComplain(ticketId);
  const resend = useMutation({
    mutationFn: () =>
      answerOf<Message>(
        api.POST("/api/v1/tickets/{ticketId}/messages/{messageId}:resend", {
          params: {
            path: { ticketId, messageId: message.id },
            header: { "Idempotency-Key": crypto.randomUUID() },
          },
          body: {},
        }),
      ),
    onSuccess: () => notify("done", t("delivery.resent")),
    onError: complain,
    onSettled: () => queryClient.invalidateQueries({ queryKey: ticketKeys.messages(ticketId) }),
  });
  const button = (
    <Button
      size="compact-sm"
      variant="default"
      leftSection={<IconRefresh size={14} aria-hidden />}
      loading={resend.isPending}
      onClick={() => (mayHaveArrived ? setAsking(true) : resend.mutate())}
      data-testid="resend"
    >
      {t("delivery.resend")}
    </Button>
  );
  if (!mayHaveArrived) return button;
  return (
    <Popover opened={asking} onChange={setAsking} width={300} position="bottom-end" withArrow shadow="md" trapFocus>
      <Popover.Target>{button}</Popover.Target>
      <Popover.Dropdown aria-label={t("delivery.resendTitle")}>
        <p className={styles.warning}>{t("delivery.resendWarning")}</p>
        <div className={styles.choices}>
          <Button size="compact-sm" variant="default" onClick={() => setAsking(false)}>
            {t("verb.cancel")}
          </Button>
          <Button
            size="compact-sm"
            color="orange"
            onClick={() => {
              setAsking(false);
              resend.mutate();
            }}
            data-testid="resend-anyway"
          >
            {t("delivery.resend")}
          </Button>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
