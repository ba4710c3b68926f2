import { Button, Tabs } from "@mantine/core";
import { IconArrowLeft, IconHistory, IconMail } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { statusOf } from "@/api/problem";
import type { Ticket } from "@/api/types";
import { queueAddress } from "@/queue/queue-address";
import { useNarrow } from "@/ui/layout";
import { LoadingPage, NotFoundPage, ProblemPage, State } from "@/ui/states";
import { StatusBadge } from "@/ui/badges";
import { useTitle } from "@/ui/use-title";
import { FactsPanel } from "./facts";
import { History } from "./history";
import { Messages } from "./messages";
import { useTicket } from "./queries";
import { StartButton } from "./start-button";
import styles from "./ticket.module.css";
import { useHolderNotice } from "./use-holder-notice";

export function TicketPage() {
  const { ticketId = "" } = useParams();
  return (
    <main id="content" className={styles.page} tabIndex={-1} key={ticketId}>
      <TicketContent ticketId={ticketId} />
    </main>
  );
}

function TicketContent({ ticketId }: { ticketId: string }) {
  const ticket = useTicket(ticketId);
  useTitle(ticket.data ? ticket.data.subject || ticket.data.protocol : "");
  // Read before and now not found: it left my view, and what I was reading is no longer mine to read.
  if (ticket.data && statusOf(ticket.error) === 404) return <Gone ticket={ticket.data} />;
  if (ticket.data) return <TicketView ticket={ticket.data} />;
  return <div className={styles.whole}>{ticket.error ? <Problem ticket={ticket} /> : <LoadingPage />}</div>;
}

function Problem({ ticket }: { ticket: ReturnType<typeof useTicket> }) {
  // An address that is not even an id leads nowhere, like one of a ticket that does not exist.
  if (statusOf(ticket.error) === 400) return <NotFoundPage />;
  return <ProblemPage error={ticket.error} retry={() => void ticket.refetch()} />;
}

function Gone({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation();
  const queue = queueAddress();
  return (
    <div role="alert" className={styles.whole} data-testid="ticket-gone">
      <State
        page
        picture="gone"
        title={t("ticket.goneTitle")}
        text={`${t("ticket.goneText")} ${t("ticket.protocol")} ${ticket.protocol}.`}
        actions={
          <Button component={Link} to={queue}>
            {t("ticket.back")}
          </Button>
        }
      />
    </div>
  );
}

function TicketView({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation();
  const narrow = useNarrow();
  const queue = queueAddress();
  useHolderNotice(ticket);
  const mayStart = ticket.allowedVerbs.includes("start");
  return (
    <>
      <div className={styles.head}>
        <Link to={queue} className={styles.back} aria-label={t("ticket.back")}>
          <IconArrowLeft size={20} stroke={1.8} aria-hidden />
        </Link>
        <div className={styles.titles}>
          <h1 title={ticket.subject}>{ticket.subject || t("queue.noSubject")}</h1>
          <div className={styles.by}>
            <span>{ticket.publisher?.name || t("queue.unknownPublisher")}</span>
            <span aria-hidden>·</span>
            <span>{t(`platform.${ticket.platform}`)}</span>
          </div>
        </div>
        <StatusBadge status={ticket.status} large />
        {mayStart && (
          <div className={narrow ? styles.mobileStart : styles.headStart}>
            <StartButton ticket={ticket} wide={narrow} />
          </div>
        )}
      </div>
      {narrow && <FactsPanel ticket={ticket} narrow />}
      <div className={styles.content}>
        <div>
          <Conversation ticketId={ticket.id} />
        </div>
      </div>
      {!narrow && <FactsPanel ticket={ticket} />}
    </>
  );
}

function Conversation({ ticketId }: { ticketId: string }) {
  const { t } = useTranslation();
  return (
    <Tabs defaultValue="messages" keepMounted={false}>
      <Tabs.List className={styles.tabs ?? ""}>
        <Tabs.Tab value="messages" leftSection={<IconMail size={16} stroke={1.7} aria-hidden />}>
          {t("ticket.messageTab")}
        </Tabs.Tab>
        <Tabs.Tab
          value="history"
          leftSection={<IconHistory size={16} stroke={1.7} aria-hidden />}
          data-testid="history-tab"
        >
          {t("ticket.historyTab")}
        </Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="messages" pt={16}>
        <Messages ticketId={ticketId} />
      </Tabs.Panel>
      <Tabs.Panel value="history" pt={16}>
        <History ticketId={ticketId} />
      </Tabs.Panel>
    </Tabs>
  );
}
