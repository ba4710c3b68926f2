import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Field, Ticket } from "@/api/types";
import { Fact } from "./facts";
import styles from "./ticket.module.css";
import { fieldsOf, missingOf } from "./verbs/classification";
import { ServiceTypeDialog } from "./verbs/service-type-dialog";
import { useTypesOf } from "./verbs/use-classification";

/** The service type with its data, and the way to change them. */
export function ServiceTypeFacts({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation();
  const [editing, setEditing] = useState(false);
  const { types } = useTypesOf(ticket);
  const fields = fieldsOf(types ?? [], ticket.serviceType?.id ?? "");
  const values = Object.fromEntries(ticket.serviceTypeData.map(({ fieldId, value }) => [fieldId, value]));
  const missing = missingOf({ serviceTypeId: "", values }, fields).length;
  const mayEdit = ticket.allowedVerbs.includes("setServiceType");
  if (!mayEdit && !ticket.serviceType) return null;
  return (
    <>
      <Fact name={t("serviceType.name")}>
        <span data-testid="ticket-service-type">
          {ticket.serviceType?.name ?? <span className={styles.muted}>{t("serviceType.none")}</span>}
        </span>{" "}
        {mayEdit && (
          <button
            type="button"
            className={styles.edit}
            aria-label={t("serviceType.edit")}
            onClick={() => setEditing(true)}
            data-testid="edit-service-type"
          >
            {t(ticket.serviceType ? "serviceType.editShort" : "serviceType.inform")}
          </button>
        )}
        {missing > 0 && <span className={styles.missing}>{t("serviceType.missingCount", { count: missing })}</span>}
        <ServiceTypeDialog ticket={ticket} opened={editing} close={() => setEditing(false)} />
      </Fact>
      {fields.map((field) => {
        const value = values[field.id];
        return value ? (
          <Fact key={field.id} name={field.name}>
            <ShownValue field={field} value={value} />
          </Fact>
        ) : null;
      })}
    </>
  );
}

function ShownValue({ field, value }: { field: Field; value: string }) {
  const { t, i18n } = useTranslation();
  switch (field.kind) {
    case "CHOICE":
      return <>{field.choices.find(({ id }) => id === value)?.name ?? value}</>;
    case "YES_NO":
      return <>{t(value === "true" ? "serviceType.yes" : "serviceType.no")}</>;
    case "NUMBER":
      return <>{i18n.language === "en" ? value : value.replace(".", ",")}</>;
    case "DATE":
      // A day has no time zone; as a moment it would be the day before west of Greenwich.
      return <>{new Intl.DateTimeFormat(i18n.language, { timeZone: "UTC" }).format(new Date(value))}</>;
    default:
      return <>{value}</>;
  }
}
