import { Button, Skeleton } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { type SyntheticEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ApiProblem } from "@/api/problem";
import type { Classification, ServiceType, Ticket } from "@/api/types";
import { Dialog } from "@/ui/dialog";
import { useProblemText } from "@/ui/problem-text";
import { Failed } from "@/ui/states";
import type { Outcome } from "./act";
import { TYPE } from "./classification";
import { ServiceTypeForm } from "./service-type-form";
import { type ClassificationForm, useClassification, useTypesOf } from "./use-classification";
import styles from "./verbs.module.css";

export type Door = "conclude" | "finalize" | "reply" | "setStatus";

export interface ClosingProps {
  ticket: Ticket;
  /** Through which of the four doors the ticket is closed. */
  door: Door;
  /** What the server said is missing, where it was asked already. */
  refusal?: ApiProblem | undefined;
  /** Closes the ticket with this classification. */
  submit: (classification: Classification | undefined) => Promise<Outcome>;
  close: () => void;
  /** Why the last attempt failed, where nothing else on the page tells. */
  error?: unknown;
}

/** Closing asks on the spot for what is missing, and closes in the same step. */
export function ClosingDialog({ opened, ...props }: ClosingProps & { opened: boolean }) {
  const { t } = useTranslation();
  return (
    <Dialog opened={opened} close={props.close} title={t(`closing.${props.door}`)} testId="closing-dialog">
      <Loaded {...props} />
    </Dialog>
  );
}

function Loaded(props: ClosingProps) {
  const { t } = useTranslation();
  const { types, error, retry } = useTypesOf(props.ticket, true);
  if (types) return <ClosingForm {...props} types={types} />;
  return error ? <Failed title={t("serviceType.failed")} error={error} retry={retry} /> : <Skeleton height={160} />;
}

function ClosingForm({ ticket, door, refusal, submit, close, error, types }: ClosingProps & { types: ServiceType[] }) {
  const { t } = useTranslation();
  const form = useClassification(ticket, types, refusal);
  const problemText = useProblemText();
  const [sending, setSending] = useState(false);
  const answerless = door === "finalize";

  async function onSubmit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    const read = form.read("added");
    if (!read) return;
    setSending(true);
    const outcome = await submit(read.classification);
    setSending(false);
    // After any other failure what was typed stays, to be sent again.
    if (outcome.done || outcome.elsewhere) close();
    else if (outcome.refusal) form.refuse(outcome.refusal);
  }

  return (
    <form onSubmit={(event) => void onSubmit(event)} noValidate>
      <p className={styles.lead}>{t(answerless ? "closing.leadFinalize" : "closing.lead")}</p>
      <FaultList form={form} />
      {/* Closing adds to what is known; to take the type away is for the dialog of the service type. */}
      <ServiceTypeForm ticket={ticket} types={types} form={form} clearable={!ticket.serviceType} />
      {error !== undefined && (
        <p className={styles.error} role="alert">
          {problemText(error)}
        </p>
      )}
      <Dialog.Foot>
        <Button variant="default" onClick={close}>
          {t("verb.cancel")}
        </Button>
        <Button type="submit" loading={sending} data-testid="closing-submit">
          {t(`closing.submit.${door}`)}
        </Button>
      </Dialog.Foot>
    </form>
  );
}

/** The list of what is missing, as the refusal names it. */
function FaultList({ form }: { form: ClassificationForm }) {
  const { t } = useTranslation();
  const keys = Object.keys(form.faults);
  if (keys.length === 0) return null;
  const missing = keys.filter((key) => form.faults[key] === "required");
  const names = missing.map((key) =>
    key === TYPE ? t("closing.missingType") : (form.fields.find(({ id }) => id === key)?.name ?? ""),
  );
  return (
    <div className={styles.missing} role="alert" data-testid="missing-fields">
      <IconAlertTriangle size={18} stroke={1.8} aria-hidden />
      <div>
        {missing.length > 0 ? t("closing.missing") : t("closing.invalid")}
        {missing.length > 0 && (
          <ul>
            {names.filter(Boolean).map((name) => (
              <li key={name}>{name}</li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}
