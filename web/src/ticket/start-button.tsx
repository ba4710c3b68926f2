import { Button } from "@mantine/core";
import { IconPlayerPlayFilled } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { ApiProblem, codeOf } from "@/api/problem";
import type { Ticket } from "@/api/types";
import { ticketKeys } from "@/queue/keys";
import { queueAddress } from "@/queue/queue-address";
import { notify } from "@/ui/notify";
import { useProblemText } from "@/ui/problem-text";
import { useStart } from "./queries";

export function StartButton({ ticket, wide }: { ticket: Ticket; wide: boolean }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const problemText = useProblemText();
  const start = useStart(ticket);

  function onError(error: Error): void {
    if (codeOf(error) === "TICKET_ALREADY_STARTED") {
      const holder = error instanceof ApiProblem ? error.problem.holder : undefined;
      const message = holder ? t("ticket.alreadyStarted", { name: holder }) : t("ticket.alreadyStartedUnknown");
      notify("refused", message);
      void navigate(queueAddress());
      return;
    }
    notify("failed", problemText(error));
    // Stale, not found, not allowed: what stands on the page is not what the server has.
    void queryClient.invalidateQueries({ queryKey: ticketKeys.one(ticket.id) });
  }

  return (
    <Button
      size="md"
      fullWidth={wide}
      leftSection={<IconPlayerPlayFilled size={15} aria-hidden />}
      loading={start.isPending}
      onClick={() =>
        start.mutate(undefined, {
          onError,
          onSuccess: () => notify("done", t("ticket.started")),
        })
      }
      data-testid="start-button"
    >
      {t("ticket.start")}
    </Button>
  );
}
