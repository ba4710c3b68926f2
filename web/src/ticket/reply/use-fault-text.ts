import { useTranslation } from "react-i18next";
import type { Fault } from "./content";

/** A fault in the attendant's words; empty: none. */
export function useFaultText(): (fault: Fault | undefined) => string {
  const { t, i18n } = useTranslation();
  return (fault) => {
    if (!fault) return "";
    switch (fault.kind) {
      case "badAddress":
        return t("reply.badAddress", { addresses: fault.addresses.join(", ") });
      case "past":
        return t("await.past");
      case "code": {
        const known = `problem.code.${fault.code}`;
        return i18n.exists(known) ? t(known as "problem.code.STALE") : t("problem.code.INVALID_REQUEST");
      }
      default:
        return t(`reply.${fault.kind}`);
    }
  };
}
