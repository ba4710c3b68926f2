import { ActionIcon, FileButton, Select, Skeleton, Tooltip } from "@mantine/core";
import { IconArrowBackUp, IconChevronDown, IconPaperclip } from "@tabler/icons-react";
import { type DragEvent, type KeyboardEvent, lazy, Suspense, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ReplyOptions, Ticket } from "@/api/types";
import { ClosingDialog } from "@/ticket/verbs/closing-dialog";
import { useMessages, useReplyOptions } from "@/ticket/queries";
import { messagesAfter } from "@/ticket/timeline/items";
import { showMessage } from "@/ticket/timeline/card-of";
import { useProblemText } from "@/ui/problem-text";
import { Failed } from "@/ui/states";
import { ArrivedNotice } from "./arrived-notice";
import { DiscardButton } from "./discard-button";
import { lastSendAs, type SendAs } from "./draft";
import { FileList } from "./file-list";
import { Recipients } from "./recipients";
import styles from "./reply.module.css";
import { AwaitButton, SendButton } from "./send-button";
import { type DraftState, useDraft } from "./use-draft";
import { useFaultText } from "./use-fault-text";
import { useNoReplyReason } from "./use-no-reply-reason";
import { useSend } from "./use-send";
import { useUploads } from "./use-uploads";

const Editor = lazy(() => import("./editor"));

interface ReplyBoxProps {
  ticket: Ticket;
  attendantId: string;
  narrow: boolean;
  opened: boolean;
  setOpened: (opened: boolean) => void;
}

/** Where the customer is answered: a line to press, or the whole box. */
export function ReplyBox(props: ReplyBoxProps) {
  const { ticket, attendantId, narrow, opened, setOpened } = props;
  const { t } = useTranslation();
  const state = useDraft(ticket, attendantId);
  const reason = useNoReplyReason(ticket);
  const name = ticket.publisher?.name || t("queue.unknownPublisher");

  if (opened && (!reason || state.begun)) return <OpenBox {...props} state={state} reason={reason} />;
  if (reason) {
    return (
      <p className={styles.reason} data-testid="no-reply">
        {reason}
      </p>
    );
  }
  // On a phone the button stands in the bar of verbs.
  if (narrow) return null;
  return (
    <button type="button" className={styles.closed} onClick={() => setOpened(true)} data-testid="open-reply">
      <IconArrowBackUp size={18} stroke={1.8} aria-hidden />
      {state.begun ? t("reply.continue") : t("reply.open", { name })}
    </button>
  );
}

function OpenBox(props: ReplyBoxProps & { state: DraftState; reason: string }) {
  const { ticket, state, setOpened, narrow, reason } = props;
  const { t } = useTranslation();
  const options = useReplyOptions(ticket.id, !reason);
  return (
    <section
      className={styles.box}
      aria-label={t("reply.title")}
      data-narrow={narrow || undefined}
      data-testid="reply-box"
    >
      {options.data ? (
        <Writing {...props} options={options.data} />
      ) : options.error ? (
        <Failed title={t("reply.optionsFailed")} error={options.error} retry={() => void options.refetch()} />
      ) : reason ? (
        <KeptText html={state.draft.html} reason={reason} close={() => setOpened(false)} />
      ) : (
        <Skeleton height={220} radius={12} aria-label={t("loading")} />
      )}
    </section>
  );
}

/** What was written before the ticket could no longer be answered: not to be sent, but not lost either. */
function KeptText({ html, reason, close }: { html: string; reason: string; close: () => void }) {
  const { t } = useTranslation();
  return (
    <>
      <BoxHead close={close} />
      <p className={styles.reason} data-testid="no-reply">
        {reason}
      </p>
      <Suspense fallback={<Skeleton height={96} />}>
        <Editor html={html} onChange={() => undefined} onFiles={() => undefined} invalid={false} focused={false} />
      </Suspense>
      <p className={styles.note}>{t("reply.kept")}</p>
    </>
  );
}

function BoxHead({ close, children }: { close: () => void; children?: React.ReactNode }) {
  const { t } = useTranslation();
  return (
    <div className={styles.head}>
      <h2>{t("reply.title")}</h2>
      {children}
      <Tooltip label={t("reply.collapse")}>
        <ActionIcon
          variant="subtle"
          color="gray"
          onClick={close}
          aria-label={t("reply.collapse")}
          data-testid="collapse-reply"
        >
          <IconChevronDown size={19} aria-hidden />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}

type WritingProps = ReplyBoxProps & { state: DraftState; reason: string; options: ReplyOptions };

function Writing({ ticket, attendantId, narrow, setOpened, state, reason, options }: WritingProps) {
  const { t } = useTranslation();
  const problemText = useProblemText();
  const faultText = useFaultText();
  const { draft, change } = state;
  const [sendAs, setSendAs] = useState<SendAs>(lastSendAs);
  const [waiting, setWaiting] = useState("");
  const sending = useSend(ticket, attendantId, state, options, sendAs);
  const { faults } = sending;
  const limit = Number(options.maxAttachmentBytes);
  const left = limit - draft.files.reduce((sum, { size }) => sum + size, 0);
  const uploads = useUploads(ticket.id, left, limit, (file) => change((now) => ({ files: [...now.files, file] })));
  const messages = useMessages(ticket.id).data ?? [];
  const arrived = state.begun ? messagesAfter(messages, draft.seenUpTo) : [];
  const drop = useDrop(uploads.add);
  useLeaveWarning(uploads.pending.length > 0);

  function send(extra = {}): void {
    if (uploads.pending.length > 0) {
      const failed = uploads.pending.some(({ state: one }) => one === "failed");
      setWaiting(t(failed ? "reply.uploadsFailed" : "reply.uploadsRunning"));
      return;
    }
    setWaiting("");
    void sending.send(extra);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || reason) return;
    event.preventDefault();
    send();
  }

  const error = faultText(faults.html) || waiting || faultText(faults.attachmentIds) || faultText(faults.accountId);
  const whole = sending.error !== undefined && Object.keys(faults).length === 0 ? problemText(sending.error) : "";
  return (
    // The keys work wherever one writes in the box; it is not itself something to press.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className={styles.writing} onKeyDown={onKeyDown} {...drop.handlers}>
      <BoxHead close={() => setOpened(false)}>
        <AccountChoice options={options} value={draft.accountId} onChange={(accountId) => change({ accountId })} />
      </BoxHead>
      <ArrivedNotice
        arrived={arrived}
        stale={sending.stale}
        sending={sending.sending}
        look={(id) => {
          // The box covers a phone's screen.
          if (narrow) setOpened(false);
          requestAnimationFrame(() => showMessage(id));
        }}
        seen={() => change({ seenUpTo: ticket.lastMessageId })}
        sendAnyway={() => send({ seenUpTo: ticket.lastMessageId })}
      />
      <Recipients
        draft={draft}
        options={options}
        faults={faults}
        change={(part) => {
          for (const place of Object.keys(part)) sending.forget(place as "to");
          change(part);
        }}
      />
      <Suspense fallback={<Skeleton height={130} radius={0} />}>
        <Editor
          key={state.version}
          html={draft.html}
          onChange={(html) => {
            sending.forget("html");
            change({ html });
          }}
          onFiles={uploads.add}
          invalid={faults.html !== undefined}
          describedBy="reply-error"
          focused={!draft.html || narrow}
        />
      </Suspense>
      <FileList
        files={draft.files}
        pending={uploads.pending}
        limit={limit}
        removeFile={(id) => {
          sending.forget("attachmentIds");
          change((now) => ({ files: now.files.filter((file) => file.id !== id) }));
        }}
        removePending={uploads.remove}
        retry={uploads.retry}
      />
      <p className={styles.error} id="reply-error" role="alert" data-testid="reply-error">
        {error || whole || reason}
      </p>
      <div className={styles.foot}>
        <FileButton onChange={uploads.add} multiple>
          {(props) => (
            <Tooltip label={t("files.attach")}>
              <ActionIcon
                {...props}
                variant="subtle"
                color="gray"
                size={36}
                aria-label={t("files.attach")}
                data-testid="attach"
              >
                <IconPaperclip size={19} stroke={1.8} aria-hidden />
              </ActionIcon>
            </Tooltip>
          )}
        </FileButton>
        {(state.begun || uploads.pending.length > 0) && (
          <DiscardButton
            discard={() => {
              for (const { key } of uploads.pending) uploads.remove(key);
              state.clear();
              setOpened(false);
            }}
          />
        )}
        <span className={styles.spacer} />
        <AwaitButton
          sendAs={sendAs}
          error={faultText(faults.awaiting)}
          onChange={(next) => {
            sending.forget("awaiting");
            setSendAs(next);
          }}
        />
        <SendButton
          sendAs={sendAs}
          onChange={setSendAs}
          send={() => send()}
          sending={sending.sending}
          disabled={reason !== ""}
        />
      </div>
      {drop.over && (
        <div className={styles.drop} aria-hidden>
          {t("files.drop")}
        </div>
      )}
      <ClosingDialog
        ticket={ticket}
        door="reply"
        refusal={sending.missing}
        opened={sending.missing !== undefined}
        close={sending.dropMissing}
        submit={(classification) => sending.send({ classification })}
      />
    </div>
  );
}

interface AccountProps {
  options: ReplyOptions;
  value: string;
  onChange: (accountId: string) => void;
}

function AccountChoice({ options, value, onChange }: AccountProps) {
  const { t } = useTranslation();
  const names = options.accounts.map(({ id, name, address }) => ({
    value: id,
    label: name ? `${name} <${address}>` : address,
  }));
  const [first] = names;
  if (!first) return <span className={styles.account} />;
  if (names.length === 1) {
    return (
      <span className={styles.account} title={first.label}>
        {t("reply.from")}: {first.label}
      </span>
    );
  }
  return (
    <div className={styles.account}>
      <Select
        size="xs"
        variant="unstyled"
        aria-label={t("reply.from")}
        leftSection={<span className={styles.fromMark}>{t("reply.from")}:</span>}
        leftSectionWidth={34}
        data={names}
        value={value || first.value}
        onChange={(id) => id && onChange(id)}
        allowDeselect={false}
        comboboxProps={{ width: "max-content", position: "bottom-start" }}
        data-testid="reply-account"
      />
    </div>
  );
}

/** Files dragged over the box. Moving between its parts leaves one and enters another, so entries are counted. */
function useDrop(add: (files: File[]) => void) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const leave = (): void => {
    depth.current = 0;
    setOver(false);
  };
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer.types.includes("Files");
  const handlers = {
    onDragEnter: (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      depth.current += 1;
      setOver(true);
    },
    onDragOver: (event: DragEvent) => {
      if (holdsFiles(event)) event.preventDefault();
    },
    onDragLeave: () => {
      depth.current -= 1;
      if (depth.current <= 0) leave();
    },
    onDrop: (event: DragEvent) => {
      leave();
      // The editor has taken what was dropped on the text.
      if (event.defaultPrevented) return;
      event.preventDefault();
      add([...event.dataTransfer.files]);
    },
  };
  return { over, handlers };
}

/** A draft survives a reload; an upload does not. */
function useLeaveWarning(uploading: boolean): void {
  useEffect(() => {
    if (!uploading) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [uploading]);
}
