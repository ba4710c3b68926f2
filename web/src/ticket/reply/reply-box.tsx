import { ActionIcon, FileButton, Skeleton, Tooltip } from "@mantine/core";
import { IconArrowBackUp, IconChevronDown, IconPaperclip } from "@tabler/icons-react";
import { type KeyboardEvent, lazy, type RefObject, Suspense, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ReplyOptions, Ticket } from "@/api/types";
import type { Outcome } from "@/ticket/verbs/act";
import { ClosingDialog } from "@/ticket/verbs/closing-dialog";
import { useMessages, useReplyOptions } from "@/ticket/queries";
import { messagesAfter } from "@/ticket/timeline/items";
import { showMessage } from "@/ticket/timeline/card-of";
import { useProblemText } from "@/ui/problem-text";
import { Failed } from "@/ui/states";
import { AccountChoice } from "./account-choice";
import { ArrivedNotice } from "./arrived-notice";
import { DiscardButton } from "./discard-button";
import { lastSendAs, type SendAs } from "./draft";
import { FileList } from "./file-list";
import { Recipients } from "./recipients";
import styles from "./reply.module.css";
import { AwaitButton, SendButton } from "./send-button";
import { type DraftState, useDraft } from "./use-draft";
import { useDrop } from "./use-drop";
import { useFaultText } from "./use-fault-text";
import { useLeaveWarning } from "./use-leave-warning";
import { useNoReplyReason } from "./use-no-reply-reason";
import { type Extra, useSend } from "./use-send";
import { useUploads } from "./use-uploads";

const loadEditor = () => import("./editor");
const Editor = lazy(loadEditor);

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
  // Found open with what was left, it does not take the focus from whoever came to read.
  const [restored] = useState(opened);
  const [used, setUsed] = useState(opened);
  if (opened && !used) setUsed(true);
  const writable = !reason || state.begun;
  // So that it is there when somebody presses.
  useEffect(() => void (!reason && loadEditor()), [reason]);

  return (
    <>
      {/* Folded it stays, so that uploads go on. */}
      {used && writable && <OpenBox {...props} state={state} reason={reason} focused={!restored} />}
      {reason && !(opened && writable) && (
        <p className={styles.reason} data-testid="no-reply">
          {reason}
        </p>
      )}
      {/* On a phone the button stands in the bar of verbs. */}
      {!opened && !narrow && writable && (
        <button type="button" className={styles.closed} onClick={() => setOpened(true)} data-testid="open-reply">
          <IconArrowBackUp size={18} stroke={1.8} aria-hidden />
          {state.begun ? t("reply.continue") : t("reply.open", { name })}
        </button>
      )}
    </>
  );
}

type BoxProps = ReplyBoxProps & { state: DraftState; reason: string; focused: boolean };

function OpenBox(props: BoxProps) {
  const { ticket, state, opened, setOpened, narrow, reason } = props;
  const { t } = useTranslation();
  const options = useReplyOptions(ticket.id, !reason);
  const box = useRef<HTMLElement>(null);
  useFocusWhenOpened(box, opened);
  return (
    <section
      ref={box}
      className={styles.box}
      hidden={!opened}
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

/** The editor focuses itself when it comes; this is for when it comes back. */
function useFocusWhenOpened(box: RefObject<HTMLElement | null>, opened: boolean): void {
  const before = useRef(opened);
  useEffect(() => {
    if (opened && !before.current) box.current?.querySelector<HTMLElement>("[contenteditable]")?.focus();
    before.current = opened;
  }, [box, opened]);
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
      <Suspense fallback={<div className={styles.blank} />}>
        <Editor
          html={html}
          onChange={() => undefined}
          onFiles={() => undefined}
          invalid={false}
          focused={false}
          readOnly
        />
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

type WritingProps = BoxProps & { options: ReplyOptions };

function Writing({ ticket, attendantId, narrow, setOpened, state, reason, focused, options }: WritingProps) {
  const { t } = useTranslation();
  const problemText = useProblemText();
  const faultText = useFaultText();
  const { draft, change } = state;
  const [sendAs, setSendAs] = useState<SendAs>(() => lastSendAs(attendantId));
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

  async function deliver(extra: Extra): Promise<Outcome> {
    const outcome = await sending.send(extra);
    // What was sent now stands in the time line.
    if (outcome.done) setOpened(false);
    return outcome;
  }

  function send(extra: Extra = {}): void {
    if (uploads.pending.length > 0) {
      const failed = uploads.pending.some(({ state: one }) => one === "failed");
      setWaiting(t(failed ? "reply.uploadsFailed" : "reply.uploadsRunning"));
      return;
    }
    setWaiting("");
    void deliver(extra);
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
        key={`recipients ${state.version}`}
        draft={draft}
        options={options}
        faults={faults}
        change={(part) => {
          for (const place of Object.keys(part)) sending.forget(place as "to");
          change(part);
        }}
      />
      <Suspense fallback={<div className={styles.blank} />}>
        <Editor
          key={`text ${state.version}`}
          html={draft.html}
          onChange={(html) => {
            sending.forget("html");
            change({ html });
          }}
          onFiles={uploads.add}
          invalid={faults.html !== undefined}
          describedBy="reply-error"
          focused={focused}
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
              sending.calm();
              setWaiting("");
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
        error={sending.error}
        submit={(classification) => deliver({ classification })}
      />
    </div>
  );
}
