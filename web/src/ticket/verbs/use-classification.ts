import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { answerOf, type ApiProblem } from "@/api/problem";
import type { Classification, Field, ServiceType, Ticket } from "@/api/types";
import { useServiceTypes } from "@/ticket/queries";
import {
  classificationOf,
  type Draft,
  draftOf,
  type Faults,
  faultsOf,
  faultsOfProblem,
  fieldsOf,
} from "./classification";

interface Types {
  /** Undefined until all are there: without the ticket's own type its data would be taken for none. */
  types: ServiceType[] | undefined;
  error: unknown;
  retry: () => void;
}

/**
 * The service types a ticket may have, and the one it has even where that is no longer offered. fresh: as they are now, for a
 * form that replaces what the ticket has.
 */
export function useTypesOf(ticket: Ticket, fresh = false): Types {
  const [begun] = useState(() => Date.now());
  const offered = useServiceTypes(ticket.department?.id ?? "", fresh);
  const own = ticket.serviceType?.id ?? "";
  const known = offered.data?.some(({ id }) => id === own);
  const retired = useQuery({
    queryKey: ["serviceTypes", "one", own],
    queryFn: ({ signal }) =>
      answerOf<ServiceType>(
        api.GET("/api/v1/serviceTypes/{serviceTypeId}", { params: { path: { serviceTypeId: own } }, signal }),
      ),
    enabled: own !== "" && known === false,
    refetchOnMount: fresh ? "always" : true,
  });
  const needed = own === "" || known ? [offered] : [offered, retired];
  const ready = needed.every(({ data, dataUpdatedAt }) => data && (!fresh || dataUpdatedAt >= begun));
  return {
    types: ready && offered.data ? [...offered.data, ...(!known && retired.data ? [retired.data] : [])] : undefined,
    error: needed.find(({ error }) => error)?.error,
    retry: () => needed.forEach((query) => void query.refetch()),
  };
}

export interface ClassificationForm {
  draft: Draft;
  fields: Field[];
  faults: Faults;
  setType: (serviceTypeId: string) => void;
  setValue: (fieldId: string, value: string) => void;
  /** What is to be sent, all of it or to be added to what the ticket has; null where something must be put right first. */
  read: (how: "whole" | "added") => { classification?: Classification } | null;
  refuse: (problem: ApiProblem) => void;
}

/** The state of a form about a ticket's service type, begun with what the ticket has. */
export function useClassification(ticket: Ticket, types: ServiceType[], refusal?: ApiProblem): ClassificationForm {
  const { i18n } = useTranslation();
  const [draft, setDraft] = useState(() => draftOf(ticket, types, i18n.language));
  const [faults, setFaults] = useState<Faults>(() => (refusal ? faultsOfProblem(refusal) : {}));
  const fields = fieldsOf(types, draft.serviceTypeId);

  const had = ticket.serviceTypeData.map(({ fieldId }) => fieldId);

  function without(key: string): void {
    setFaults(({ [key]: _, ...others }) => others);
  }

  return {
    draft,
    fields,
    faults,
    setType: (serviceTypeId) => {
      setDraft((now) => ({ ...now, serviceTypeId }));
      setFaults({});
    },
    setValue: (fieldId, value) => {
      setDraft((now) => ({ ...now, values: { ...now.values, [fieldId]: value } }));
      without(fieldId);
    },
    read: (how) => {
      const wrong = faultsOf(draft, fields, i18n.language);
      if (Object.keys(wrong).length > 0) {
        setFaults(wrong);
        return null;
      }
      const classification = classificationOf(draft, fields, i18n.language, how === "added" ? had : []);
      return classification ? { classification } : {};
    },
    refuse: (problem) => setFaults(faultsOfProblem(problem)),
  };
}
