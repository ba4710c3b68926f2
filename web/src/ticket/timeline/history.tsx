import { Skeleton } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Field, Interaction, Ticket } from "@/api/types";
import { useHistory } from "@/ticket/queries";
import { fieldsOf } from "@/ticket/verbs/classification";
import { useTypesOf } from "@/ticket/verbs/use-classification";
import { absoluteTime, fullTime } from "@/ui/format";
import { Failed, RetryButton } from "@/ui/states";
import { ChangeLine, Who } from "./change";
import { EntryIcon } from "./entry-icon";
import styles from "./history.module.css";

/** Everything that happened: who, when, what, before and after. Oldest first, as it was lived. */
export function History({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation();
  const history = useHistory(ticket.id);
  const { types } = useTypesOf(ticket);
  const fields = fieldsOf(types ?? [], ticket.serviceType?.id ?? "");
  if (history.isPending) return <Skeleton height={140} radius={12} />;
  if (!history.data)
    return <Failed title={t("history.failed")} error={history.error} retry={() => void history.refetch()} />;
  if (history.data.length === 0) return <p className={styles.kind}>{t("history.empty")}</p>;
  return (
    <>
      <ol className={styles.list}>
        {history.data.map((entry) => (
          <Entry key={entry.id} entry={entry} fields={fields} />
        ))}
      </ol>
      {history.isError && <RetryButton retry={() => void history.refetch()} />}
    </>
  );
}

function Entry({ entry, fields }: { entry: Interaction; fields: Field[] }) {
  const { t, i18n } = useTranslation();
  return (
    <li className={styles.entry} data-testid="history-entry" data-kind={entry.kind}>
      <span className={styles.mark} aria-hidden>
        <EntryIcon kind={entry.kind} size={15} />
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
              <ChangeLine key={change.field} change={change} fields={fields} />
            ))}
          </dl>
        )}
        {!entry.counted && <p className={styles.uncounted}>{t("history.notCounted")}</p>}
      </div>
    </li>
  );
}
