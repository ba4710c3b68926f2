import { IconArrowNarrowRight } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { Actor, Change, Field, TicketPriority, TicketStatus } from "@/api/types";
import { PriorityMark, StatusBadge } from "@/ui/badges";
import { absoluteTime } from "@/ui/format";
import styles from "./history.module.css";

/** Who did it; people by name, others by what they are. */
export function Who({ actor, brief = false }: { actor: Actor | null; brief?: boolean }) {
  const { t } = useTranslation();
  const kind = t(`actor.${actor?.kind ?? "UNSPECIFIED"}`);
  if (!actor?.name) return <strong>{kind.charAt(0).toLocaleUpperCase() + kind.slice(1)}</strong>;
  if (brief) return <strong>{actor.name}</strong>;
  return (
    <>
      <strong>{actor.name}</strong> <span className={styles.kind}>({kind})</span>
    </>
  );
}

/** The field's name on screen. fields: of the ticket's service type; of another type the history knows the value only. */
export function useFieldName(fields: Field[] = []): (field: string) => string {
  const { t, i18n } = useTranslation();
  return (field) => {
    const ofType = fields.find(({ id }) => field === `data:${id}`);
    if (ofType) return ofType.name;
    const known = field.startsWith("data:") ? "field.data" : `field.${field}`;
    return i18n.exists(known) ? t(known as "field.status") : field;
  };
}

export function ChangeLine({ change, fields }: { change: Change; fields: Field[] }) {
  const { t } = useTranslation();
  const fieldName = useFieldName(fields);
  return (
    <div className={styles.change}>
      <dt>{fieldName(change.field)}</dt>
      <dd>
        <BeforeAfter change={change} />
        {!change.after && t("history.nothing")}
      </dd>
    </div>
  );
}

/** "before → after", read out as such. */
export function BeforeAfter({ change }: { change: Change }) {
  const { t } = useTranslation();
  return (
    <>
      {change.before && (
        <>
          <span className="visually-hidden">{t("history.before")}: </span>
          <span className={styles.before}>
            <FieldValue field={change.field} value={change.before} />
          </span>
          <IconArrowNarrowRight size={16} stroke={1.6} aria-hidden />
        </>
      )}
      <span className="visually-hidden">{t("history.after")}: </span>
      {change.after && <FieldValue field={change.field} value={change.after} />}
    </>
  );
}

function FieldValue({ field, value }: { field: string; value: { code: string; name: string } }) {
  const { t, i18n } = useTranslation();
  const { code, name } = value;
  if (field === "status") return <StatusBadge status={code as TicketStatus} />;
  if (field === "priority") return <PriorityMark priority={code as TicketPriority} />;
  if (field === "awaitingUntil") return <>{absoluteTime(code, i18n.language)}</>;
  // Without an id it is a ticket the reader may not see.
  if (field === "next" && code) return <Link to={`/tickets/${code}`}>{name || code}</Link>;
  if (code === "true" || code === "false") return <>{t(code === "true" ? "when.yes" : "when.no")}</>;
  return <>{name || code}</>;
}
