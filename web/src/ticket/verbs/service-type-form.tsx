import { Radio, Select, Textarea, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Field, ServiceType, Ticket } from "@/api/types";
import { TYPE } from "./classification";
import type { ClassificationForm } from "./use-classification";
import styles from "./verbs.module.css";

interface FormProps {
  ticket: Ticket;
  types: ServiceType[];
  form: ClassificationForm;
  clearable: boolean;
}

/** The service type and what it asks for, each field by its kind. */
export function ServiceTypeForm({ ticket, types, form, clearable }: FormProps) {
  const { t } = useTranslation();
  const offered = types.filter(({ active, id }) => active || id === ticket.serviceType?.id);
  return (
    <div className={styles.form}>
      <Select
        label={t("serviceType.name")}
        placeholder={t("serviceType.choose")}
        nothingFoundMessage={t("serviceType.noOther")}
        data={offered.map(({ id, name }) => ({ value: id, label: name }))}
        value={form.draft.serviceTypeId || null}
        onChange={(id) => form.setType(id ?? "")}
        searchable
        clearable={clearable}
        allowDeselect={clearable}
        clearButtonProps={{ "aria-label": t("serviceType.none") }}
        error={form.faults[TYPE] && t("serviceType.required")}
        data-testid="service-type"
      />
      {form.fields.map((field) => (
        <FieldInput key={field.id} field={field} form={form} />
      ))}
    </div>
  );
}

function FieldInput({ field, form }: { field: Field; form: ClassificationForm }) {
  const { t } = useTranslation();
  const fault = form.faults[field.id];
  const value = form.draft.values[field.id] ?? "";
  const set = (next: string): void => form.setValue(field.id, next);
  const badValue = field.kind === "NUMBER" ? t("serviceType.badNumber") : t("serviceType.badValue");
  const shared = {
    label: field.name,
    withAsterisk: field.mandatory,
    error: fault && (fault === "required" ? t("serviceType.required") : badValue),
    "data-testid": `field-${field.id}`,
  };
  switch (field.kind) {
    case "CHOICE":
      return (
        <Select
          {...shared}
          data={field.choices.map(({ id, name }) => ({ value: id, label: name }))}
          value={value || null}
          onChange={(next) => set(next ?? "")}
          searchable={field.choices.length > 8}
          clearable={!field.mandatory}
        />
      );
    case "YES_NO":
      return (
        <Radio.Group {...shared} value={value} onChange={set}>
          <div className={styles.yesNo}>
            <Radio value="true" label={t("serviceType.yes")} />
            <Radio value="false" label={t("serviceType.no")} />
          </div>
        </Radio.Group>
      );
    case "DATE":
      return <TextInput {...shared} type="date" value={value} onChange={(event) => set(event.currentTarget.value)} />;
    case "NUMBER":
      return (
        <TextInput {...shared} inputMode="decimal" value={value} onChange={(event) => set(event.currentTarget.value)} />
      );
    default:
      return (
        <Textarea
          {...shared}
          autosize
          minRows={1}
          maxRows={8}
          maxLength={4000}
          value={value}
          onChange={(event) => set(event.currentTarget.value)}
        />
      );
  }
}
