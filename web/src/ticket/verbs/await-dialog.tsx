import { Button } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Await, Ticket } from "@/api/types";
import { Dialog } from "@/ui/dialog";
import { useAct } from "./act";
import { AwaitChoice } from "./await-choice";
import { isUsableUntil } from "./until";

interface AwaitDialogProps {
  ticket: Ticket;
  /** By the verb, or by setting the status: the same decision through another door. */
  verb: "awaitReply" | "setStatus";
  opened: boolean;
  close: () => void;
}

export function AwaitDialog({ ticket, verb, opened, close }: AwaitDialogProps) {
  const { t } = useTranslation();
  return (
    <Dialog opened={opened} close={close} title={t("await.title")} testId="await-dialog">
      <AwaitForm ticket={ticket} verb={verb} close={close} />
    </Dialog>
  );
}

function AwaitForm({ ticket, verb, close }: Omit<AwaitDialogProps, "opened">) {
  const { t } = useTranslation();
  const { act, pending } = useAct(ticket);
  const [awaiting, setAwaiting] = useState<Await>({ mode: "FOLLOW", until: null });
  const [error, setError] = useState("");

  async function submit(): Promise<void> {
    if (!isUsableUntil(awaiting.until, Date.now())) {
      setError(t("await.past"));
      return;
    }
    const outcome = await act(
      verb === "awaitReply" ? { verb, awaiting } : { verb: "setStatus", status: "PENDING", awaiting },
    );
    // After any other failure what was chosen stays, to be sent again.
    if (outcome.done) close();
    else if (outcome.refusal) setError(t("await.past"));
  }

  return (
    <>
      <AwaitChoice
        value={awaiting}
        error={error}
        onChange={(next) => {
          setAwaiting(next);
          setError("");
        }}
      />
      <Dialog.Foot>
        <Button variant="default" onClick={close}>
          {t("verb.cancel")}
        </Button>
        <Button loading={pending} onClick={() => void submit()} data-testid="await-submit" data-autofocus>
          {t("await.submit")}
        </Button>
      </Dialog.Foot>
    </>
  );
}
