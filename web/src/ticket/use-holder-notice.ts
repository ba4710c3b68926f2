import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Ticket } from "@/api/types";
import { useMe } from "@/session/session";
import { notify } from "@/ui/notify";

/** Says when somebody else takes the ticket that I am looking at and may still see, as a supervisor does. */
export function useHolderNotice(ticket: Ticket): void {
  const { t } = useTranslation();
  const myId = useMe().data?.attendant?.id;
  const before = useRef(ticket.holder?.id);
  const { holder } = ticket;

  useEffect(() => {
    const changed = before.current !== holder?.id;
    before.current = holder?.id;
    if (changed && holder && holder.id !== myId) {
      notify("news", t("ticket.nowHeldBy", { name: holder.name }));
    }
  }, [holder, myId, t]);
}
