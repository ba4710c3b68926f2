import { Button, CopyButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Ticket, TicketEvent } from "@/api/types";
import { ticketKeys } from "@/queue/keys";
import { queueAddress } from "@/queue/queue-address";
import { State } from "@/ui/states";
import { hasText, storedDraft } from "./reply/draft";
import { toPlainText } from "./reply/to-plain-text";
import styles from "./ticket.module.css";

/** What stands instead of a ticket that left my view: why, and what I was writing. */
export function Gone({ ticket, attendantId }: { ticket: Ticket; attendantId: string }) {
  const { t } = useTranslation();
  const text = `${useReason(ticket.id)} ${t("left.after")} ${t("ticket.protocol")} ${ticket.protocol}.`;
  const html = storedDraft(attendantId, ticket.id)?.html ?? "";
  return (
    <div role="alert" className={styles.whole} data-testid="ticket-gone">
      <State
        page
        picture="gone"
        title={t("ticket.goneTitle")}
        text={text}
        actions={
          <>
            {hasText(html) && <KeptDraft text={toPlainText(html)} />}
            <Button component={Link} to={queueAddress()}>
              {t("ticket.back")}
            </Button>
          </>
        }
      />
    </div>
  );
}

/** As the push told it; a page that only found out by asking knows less. */
function useReason(ticketId: string): string {
  const { t, i18n } = useTranslation();
  const { data: verb } = useQuery<TicketEvent["verb"] | null>({
    queryKey: ticketKeys.left(ticketId),
    queryFn: () => null,
    enabled: false,
  });
  const known = `left.reason.${verb ?? "other"}`;
  return i18n.exists(known) ? t(known as "left.reason.other") : t("left.reason.other");
}

function KeptDraft({ text }: { text: string }) {
  const { t } = useTranslation();
  return (
    <div className={styles.kept} data-testid="kept-draft">
      <span>{t("left.draftKept")}</span>
      <blockquote>{text}</blockquote>
      <CopyButton value={text} timeout={1800}>
        {({ copied, copy }) => (
          <Button size="xs" variant="default" onClick={copy}>
            {copied ? t("copied") : t("left.copyDraft")}
          </Button>
        )}
      </CopyButton>
    </div>
  );
}
