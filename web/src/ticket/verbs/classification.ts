import type { ApiProblem } from "@/api/problem";
import type { Classification, Field, ServiceType, Ticket } from "@/api/types";

/** A service type and its data as they stand in the form: what was typed, by field id. */
export interface Draft {
  serviceTypeId: string;
  values: Record<string, string>;
}

/** What is wrong, by field id; TYPE for the service type itself. */
export type Faults = Record<string, "required" | "badValue">;
export const TYPE = "type";

export function draftOf(ticket: Ticket, types: ServiceType[], language: string): Draft {
  const type = types.find(({ id }) => id === ticket.serviceType?.id);
  const values = ticket.serviceTypeData.map(({ fieldId, value }) => {
    const kind = type?.fields.find(({ id }) => id === fieldId)?.kind;
    return [fieldId, kind === "NUMBER" && language !== "en" ? value.replace(".", ",") : value];
  });
  return { serviceTypeId: ticket.serviceType?.id ?? "", values: Object.fromEntries(values) as Record<string, string> };
}

const GROUPED = {
  comma: /^-?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$/,
  point: /^-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$/,
};

/**
 * A number as people write it in the language of the screen, "1.234,50" or in English "1,234.50", the way the API takes it:
 * "1234.50". Undefined: not a number, or one that could be meant in two ways.
 */
export function numberOf(written: string, language: string): string | undefined {
  const text = written.trim();
  const comma = language !== "en";
  if (!(comma ? GROUPED.comma : GROUPED.point).test(text)) return undefined;
  const plain = comma ? text.replaceAll(".", "").replace(",", ".") : text.replaceAll(",", "");
  return /^-?\d{1,12}(\.\d{1,6})?$/.test(plain) ? plain : undefined;
}

export function fieldsOf(types: ServiceType[], serviceTypeId: string): Field[] {
  return types.find(({ id }) => id === serviceTypeId)?.fields ?? [];
}

/** Values that do not fit their kind, found before the server is asked. */
export function faultsOf(draft: Draft, fields: Field[], language: string): Faults {
  const wrong = fields.filter(({ id, kind }) => {
    const value = draft.values[id]?.trim();
    return value && kind === "NUMBER" && numberOf(value, language) === undefined;
  });
  return Object.fromEntries(wrong.map(({ id }) => [id, "badValue"]));
}

/**
 * Undefined where nothing was chosen. Fields of another service type are left behind. emptied: the fields of which an empty
 * value is to be told, since what is sent is added to what the ticket has.
 */
export function classificationOf(
  draft: Draft,
  fields: Field[],
  language: string,
  emptied: string[] = [],
): Classification | undefined {
  if (!draft.serviceTypeId) return undefined;
  const data = fields
    .map(({ id, kind }) => {
      const written = draft.values[id]?.trim() ?? "";
      return { fieldId: id, value: kind === "NUMBER" ? (numberOf(written, language) ?? "") : written };
    })
    .filter(({ fieldId, value }) => value !== "" || emptied.includes(fieldId));
  return { serviceTypeId: draft.serviceTypeId, data };
}

/** Mandatory fields without a value. */
export function missingOf(draft: Draft, fields: Field[]): Field[] {
  return fields.filter(({ id, mandatory }) => mandatory && !draft.values[id]?.trim());
}

const ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;

/** The fields a refusal names, e.g. by the pointer /classification/data/<field id>. */
export function faultsOfProblem({ problem }: ApiProblem): Faults {
  const fault = problem.code === "SERVICE_TYPE_DATA_MISSING" ? "required" : "badValue";
  return Object.fromEntries(problem.errors.map(({ pointer }) => [ID.exec(pointer)?.[0] ?? TYPE, fault]));
}
