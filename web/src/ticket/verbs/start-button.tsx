import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Ticket } from "@/api/types";
import { useAct } from "./act";
import { SIMPLE_VERBS } from "./simple-verbs";

const { icon: StartIcon } = SIMPLE_VERBS.start;

interface StartProps {
  ticket: Ticket;
  wide: boolean;
  onDone: () => void;
}

export function StartButton({ ticket, wide, onDone }: StartProps) {
  const { t } = useTranslation();
  const { act, pending } = useAct(ticket);
  return (
    <Button
      fullWidth={wide}
      leftSection={<StartIcon size={15} aria-hidden />}
      loading={pending}
      onClick={() => void act({ verb: "start" }).then(({ done }) => done && onDone())}
      data-testid="start-button"
    >
      {t("verb.start")}
    </Button>
  );
}
