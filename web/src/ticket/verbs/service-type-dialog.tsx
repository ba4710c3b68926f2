import { Button, Skeleton } from "@mantine/core";
import { type SyntheticEvent } from "react";
import { useTranslation } from "react-i18next";
import type { ServiceType, Ticket } from "@/api/types";
import { Dialog } from "@/ui/dialog";
import { Failed } from "@/ui/states";
import { useAct } from "./act";
import { ServiceTypeForm } from "./service-type-form";
import { useClassification, useTypesOf } from "./use-classification";

interface Props {
  ticket: Ticket;
  close: () => void;
}

export function ServiceTypeDialog({ opened, ...props }: Props & { opened: boolean }) {
  const { t } = useTranslation();
  return (
    <Dialog opened={opened} close={props.close} title={t("serviceType.name")} testId="service-type-dialog">
      <Loaded {...props} />
    </Dialog>
  );
}

function Loaded(props: Props) {
  const { t } = useTranslation();
  const { types, error, retry } = useTypesOf(props.ticket, true);
  if (types) return <EditForm {...props} types={types} />;
  return error ? <Failed title={t("serviceType.failed")} error={error} retry={retry} /> : <Skeleton height={160} />;
}

function EditForm({ ticket, types, close }: Props & { types: ServiceType[] }) {
  const { t } = useTranslation();
  const { act, pending } = useAct(ticket);
  const form = useClassification(ticket, types);

  async function onSubmit(event: SyntheticEvent): Promise<void> {
    event.preventDefault();
    const read = form.read("whole");
    if (!read) return;
    const { serviceTypeId = "", data = [] } = read.classification ?? {};
    const outcome = await act({ verb: "setServiceType", serviceTypeId, data });
    // After any other failure what was typed stays, to be sent again.
    if (outcome.done) close();
    else if (outcome.refusal) form.refuse(outcome.refusal);
  }

  return (
    <form onSubmit={(event) => void onSubmit(event)} noValidate>
      <ServiceTypeForm ticket={ticket} types={types} form={form} clearable />
      <Dialog.Foot>
        <Button variant="default" onClick={close}>
          {t("verb.cancel")}
        </Button>
        <Button type="submit" loading={pending} data-testid="service-type-submit">
          {t("serviceType.save")}
        </Button>
      </Dialog.Foot>
    </form>
  );
}
