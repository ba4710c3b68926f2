import { Button } from "@mantine/core";
import { IconPlayerPlayFilled } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Ticket } from "@/api/types";
import { useAct } from "./act";

export function StartButton({ ticket, wide }: { ticket: Ticket; wide: boolean }) {
  const { t } = useTranslation();
  const { act, pending } = useAct(ticket);
  return (
    <Button
      fullWidth={wide}
      leftSection={<IconPlayerPlayFilled size={15} aria-hidden />}
      loading={pending}
      onClick={() => void act({ verb: "start" })}
      data-testid="start-button"
    >
      {t("ticket.start")}
    </Button>
  );
}
