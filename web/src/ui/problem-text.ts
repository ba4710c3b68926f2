import { useTranslation } from "react-i18next";
import { ApiProblem } from "@/api/problem";

const CODES = "problem.code";

/** A failure in the attendant's words: by its code, else as the server tells it, else in general. */
export function useProblemText(): (error: unknown) => string {
  const { t, i18n } = useTranslation();
  return (error) => {
    if (!(error instanceof ApiProblem)) return error instanceof TypeError ? t("problem.offline") : t("problem.unknown");
    const { code, detail, status, retryAfter } = error.problem;
    const known = `${CODES}.${code}`;
    if (i18n.exists(known))
      return t(known as "problem.code.STALE", { wait: waitText(retryAfter ?? 60, i18n.language) });
    if (status >= 500) return t("problem.serverText");
    // The API speaks English only.
    return (i18n.language === "en" && detail) || t("problem.unknown");
  };
}

function waitText(seconds: number, language: string): string {
  const [value, unit] = seconds < 90 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

export function traceIdOf(error: unknown): string {
  return error instanceof ApiProblem ? error.problem.traceId : "";
}
