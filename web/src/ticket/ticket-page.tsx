import { Button, Tabs } from "@mantine/core";
import { IconArrowBackUp, IconArrowLeft, IconHistory, IconMessages } from "@tabler/icons-react";
import { type RefObject, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { statusOf } from "@/api/problem";
import type { Ticket } from "@/api/types";
import { queueAddress } from "@/queue/queue-address";
import { useMe } from "@/session/session";
import { useNarrow } from "@/ui/layout";
import { LoadingPage, NotFoundPage, ProblemPage } from "@/ui/states";
import { useTitle } from "@/ui/use-title";
import { FactsPanel } from "./facts";
import { Gone } from "./gone";
import { useTicket } from "./queries";
import { isWorthKeeping, storedDraft } from "./reply/draft";
import { ReplyBox } from "./reply/reply-box";
import styles from "./ticket.module.css";
import { History } from "./timeline/history";
import { Timeline } from "./timeline/timeline";
import { useFocusAfterAct } from "./use-focus-after-act";
import { useHolderNotice } from "./use-holder-notice";
import { PriorityMenu, StatusMenu } from "./verbs/badge-menus";
import type { SimpleVerb } from "./verbs/simple-verbs";
import { VerbBar } from "./verbs/verb-bar";

export function TicketPage() {
  const { ticketId = "" } = useParams();
  const page = useRef<HTMLElement>(null);
  return (
    <main id="content" className={styles.page} tabIndex={-1} key={ticketId} ref={page}>
      <TicketContent ticketId={ticketId} page={page} />
    </main>
  );
}

interface PageProps {
  page: RefObject<HTMLElement | null>;
}

function TicketContent({ ticketId, page }: PageProps & { ticketId: string }) {
  const ticket = useTicket(ticketId);
  const me = useMe().data?.attendant?.id;
  useTitle(ticket.data ? ticket.data.subject || ticket.data.protocol : "");
  // Read before and now not found: it left my view, and what I was reading is no longer mine to read.
  if (ticket.data && statusOf(ticket.error) === 404) return <Gone ticket={ticket.data} attendantId={me ?? ""} />;
  // Whose draft to look for must be known first.
  if (ticket.data && me) return <TicketView ticket={ticket.data} attendantId={me} page={page} />;
  return <div className={styles.whole}>{ticket.error ? <Problem ticket={ticket} /> : <LoadingPage />}</div>;
}

function Problem({ ticket }: { ticket: ReturnType<typeof useTicket> }) {
  // An address that is not even an id leads nowhere, like one of a ticket that does not exist.
  if (statusOf(ticket.error) === 400) return <NotFoundPage />;
  return <ProblemPage error={ticket.error} retry={() => void ticket.refetch()} />;
}

function TicketView({ ticket, attendantId, page }: PageProps & { ticket: Ticket; attendantId: string }) {
  const { t } = useTranslation();
  const narrow = useNarrow();
  const content = useRef<HTMLDivElement>(null);
  const [replying, setReplying] = useState(() => {
    const draft = storedDraft(attendantId, ticket.id);
    // A phone's screen would show nothing else.
    return !narrow && draft !== null && isWorthKeeping(draft);
  });
  useHolderNotice(ticket);
  const answering = useRef<HTMLDivElement>(null);
  const onDone = useFocusAfterAct(ticket, answering);
  const reply = (
    <ReplyBox ticket={ticket} attendantId={attendantId} narrow={narrow} opened={replying} setOpened={setReplying} />
  );
  return (
    <>
      <Head ticket={ticket} narrow={narrow} onDone={onDone} />
      {narrow && <FactsPanel ticket={ticket} narrow />}
      <div className={styles.content} ref={content}>
        <div>
          <Conversation ticket={ticket} scroll={narrow ? page : content} />
        </div>
      </div>
      <div className={styles.reply} ref={narrow ? undefined : answering}>
        <div>{reply}</div>
      </div>
      {!narrow && <FactsPanel ticket={ticket} />}
      {narrow && (
        <div className={styles.mobileBar} ref={answering}>
          <VerbBar ticket={ticket} narrow onDone={onDone}>
            {ticket.allowedVerbs.includes("reply") && (
              <Button
                variant={ticket.allowedVerbs.includes("start") ? "default" : "filled"}
                leftSection={<IconArrowBackUp size={17} aria-hidden />}
                onClick={() => setReplying(true)}
                data-testid="open-reply"
              >
                {t("reply.title")}
              </Button>
            )}
          </VerbBar>
        </div>
      )}
    </>
  );
}

interface HeadProps {
  ticket: Ticket;
  narrow: boolean;
  onDone: (verb: SimpleVerb) => void;
}

function Head({ ticket, narrow, onDone }: HeadProps) {
  const { t } = useTranslation();
  return (
    <div className={styles.head}>
      <Link to={queueAddress()} className={styles.back} aria-label={t("ticket.back")}>
        <IconArrowLeft size={20} stroke={1.8} aria-hidden />
      </Link>
      <div className={styles.titles}>
        <h1 title={ticket.subject}>{ticket.subject || t("queue.noSubject")}</h1>
        <div className={styles.by}>
          <span>{ticket.publisher?.name || t("queue.unknownPublisher")}</span>
          <span aria-hidden>·</span>
          <span>{t(`platform.${ticket.platform}`)}</span>
          {ticket.newMessage && <span className={styles.newMessage}>{t("fact.newMessage")}</span>}
        </div>
      </div>
      <div className={styles.badges}>
        <StatusMenu ticket={ticket} large />
        {!narrow && <PriorityMenu ticket={ticket} />}
      </div>
      {!narrow && <VerbBar ticket={ticket} narrow={false} onDone={onDone} />}
    </div>
  );
}

function Conversation({ ticket, scroll }: { ticket: Ticket; scroll: RefObject<HTMLElement | null> }) {
  const { t } = useTranslation();
  return (
    <Tabs defaultValue="messages" keepMounted={false}>
      <Tabs.List className={styles.tabs ?? ""}>
        <Tabs.Tab value="messages" leftSection={<IconMessages size={16} stroke={1.7} aria-hidden />}>
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
      <Tabs.Panel value="messages" pt={14}>
        <Timeline ticket={ticket} scroll={scroll} />
      </Tabs.Panel>
      <Tabs.Panel value="history" pt={16}>
        <History ticket={ticket} />
      </Tabs.Panel>
    </Tabs>
  );
}
