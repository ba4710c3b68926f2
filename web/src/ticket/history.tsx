import { Button, Skeleton } from "@mantine/core";
import { IconArrowNarrowRight, IconPencil, IconPlayerPlayFilled, IconPlus } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Actor, Change, Interaction, TicketPriority, TicketStatus } from "@/api/types";
import { PriorityMark, StatusBadge } from "@/ui/badges";
import { absoluteTime, fullTime } from "@/ui/format";
import { Failed } from "@/ui/states";
import styles from "./history.module.css";
import { useHistory } from "./queries";

const ICONS: Record<Interaction["kind"], typeof IconPlus> = {
  UNSPECIFIED: IconPencil,
  OPENED: IconPlus,
  STARTED: IconPlayerPlayFilled,
};

/** Everything that happened: who, when, what, before and after. Oldest first, as it was lived. */
export function History({ ticketId }: { ticketId: string }) {
  const { t } = useTranslation();
  const history = useHistory(ticketId);
  if (history.isPending) return <Skeleton height={140} radius={12} />;
  if (!history.data)
    return <Failed title={t("history.failed")} error={history.error} retry={() => void history.refetch()} />;
  if (history.data.length === 0) return <p className={styles.kind}>{t("history.empty")}</p>;
  return (
    <>
      <ol className={styles.list}>
        {history.data.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </ol>
      {history.hasNextPage && (
        <Button variant="default" loading={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
          {t("history.loadMore")}
        </Button>
      )}
    </>
  );
}

function Entry({ entry }: { entry: Interaction }) {
  const { t, i18n } = useTranslation();
  const Icon = ICONS[entry.kind];
  return (
    <li className={styles.entry} data-testid="history-entry" data-kind={entry.kind}>
      <span className={styles.mark} aria-hidden>
        <Icon size={15} stroke={2} />
      </span>
      <div>
        <div className={styles.what}>
          <span>
            <Who actor={entry.actor} /> {t(`history.${entry.kind}`)}
          </span>
          {entry.at && (
            <time className={styles.when} dateTime={entry.at} title={fullTime(entry.at, i18n.language)}>
              {absoluteTime(entry.at, i18n.language)}
            </time>
          )}
        </div>
        {entry.changes.length > 0 && (
          <dl className={styles.changes}>
            {entry.changes.map((change) => (
              <ChangeLine key={change.field} change={change} />
            ))}
          </dl>
        )}
        {!entry.counted && <p className={styles.uncounted}>{t("history.notCounted")}</p>}
      </div>
    </li>
  );
}

function Who({ actor }: { actor: Actor | null }) {
  const { t } = useTranslation();
  const kind = t(`actor.${actor?.kind ?? "UNSPECIFIED"}`);
  if (!actor?.name) return <strong>{kind.charAt(0).toLocaleUpperCase() + kind.slice(1)}</strong>;
  return (
    <>
      <strong>{actor.name}</strong> <span className={styles.kind}>({kind})</span>
    </>
  );
}

function ChangeLine({ change }: { change: Change }) {
  const { t, i18n } = useTranslation();
  const known = `field.${change.field}`;
  return (
    <div className={styles.change}>
      <dt>{i18n.exists(known) ? t(known as "field.status") : change.field}</dt>
      <dd>
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
        {change.after ? <FieldValue field={change.field} value={change.after} /> : t("history.nothing")}
      </dd>
    </div>
  );
}

function FieldValue({ field, value }: { field: string; value: { code: string; name: string } }) {
  if (field === "status") return <StatusBadge status={value.code as TicketStatus} />;
  if (field === "priority") return <PriorityMark priority={value.code as TicketPriority} />;
  return <>{value.name || value.code}</>;
}
