import { useTranslation } from "react-i18next";
import type { Change, Interaction } from "@/api/types";
import { fullTime, timeOfDay } from "@/ui/format";
import { BeforeAfter, useFieldName, Who } from "./change";
import { EntryIcon } from "./entry-icon";
import styles from "./timeline.module.css";

/** What a line between messages has room for; the history tab tells all. */
const BRIEF = ["status", "priority", "serviceType", "awaitingUntil", "next"];
/** At the opening everything is new and stands in the facts. */
const WITHOUT_CHANGES: Interaction["kind"][] = ["OPENED"];

/** An act between messages, in one line. */
export function CompactEntry({ entry }: { entry: Interaction }) {
  const { t, i18n } = useTranslation();
  const changes = WITHOUT_CHANGES.includes(entry.kind)
    ? []
    : entry.changes.filter(({ field, after }) => BRIEF.includes(field) && after);
  return (
    <div className={styles.entry} data-kind={entry.kind} data-testid="timeline-entry">
      <EntryIcon kind={entry.kind} size={15} />
      <span className={styles.what}>
        <Who actor={entry.actor} brief /> {t(`history.${entry.kind}`)}
        {changes.map((change) => (
          <BriefChange key={change.field} change={change} />
        ))}
      </span>
      {entry.at && (
        <time className={styles.time} dateTime={entry.at} title={fullTime(entry.at, i18n.language)}>
          {timeOfDay(entry.at, i18n.language)}
        </time>
      )}
    </div>
  );
}

function BriefChange({ change }: { change: Change }) {
  const fieldName = useFieldName();
  const selfSpeaking = change.field === "status" || change.field === "priority";
  return (
    <span className={styles.change}>
      <span className={selfSpeaking ? "visually-hidden" : undefined}>{fieldName(change.field)}: </span>
      <BeforeAfter change={change} />
    </span>
  );
}
