import { TagsInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { ReplyOptions } from "@/api/types";
import { bareAddress, distinct, isAddress } from "./addresses";
import type { Faults } from "./content";
import type { Draft } from "./draft";
import styles from "./reply.module.css";
import { useFaultText } from "./use-fault-text";

interface RecipientsProps {
  draft: Draft;
  options: ReplyOptions;
  faults: Faults;
  change: (part: Partial<Draft>) => void;
}

/** To whom; copies and the subject are folded away until somebody wants them. */
export function Recipients({ draft, options, faults, change }: RecipientsProps) {
  const { t } = useTranslation();
  const faultText = useFaultText();
  const to = draft.to ?? options.to.map(({ email }) => email);
  const cc = draft.cc ?? options.cc.map(({ email }) => email);
  const [copies, setCopies] = useState(cc.length + draft.bcc.length > 0);
  const [subject, setSubject] = useState(draft.subject !== null);
  const copiesShown = copies || faults.cc !== undefined || faults.bcc !== undefined;
  return (
    <div className={styles.recipients}>
      <div className={styles.toRow}>
        <AddressRow
          label={t("reply.to")}
          value={to}
          error={faultText(faults.to)}
          onChange={(next) => change({ to: next })}
          testId="reply-to"
        />
        <div className={styles.unfold}>
          {!copiesShown && (
            <button type="button" onClick={() => setCopies(true)} data-testid="show-copies">
              {t("reply.addCc")}
            </button>
          )}
          {!subject && (
            <button
              type="button"
              onClick={() => setSubject(true)}
              aria-label={t("reply.editSubject")}
              data-testid="show-subject"
            >
              {t("reply.subject")}
            </button>
          )}
        </div>
      </div>
      {copiesShown && (
        <>
          <AddressRow
            label={t("reply.cc")}
            value={cc}
            error={faultText(faults.cc)}
            onChange={(next) => change({ cc: next })}
            testId="reply-cc"
          />
          <AddressRow
            label={t("reply.bcc")}
            value={draft.bcc}
            error={faultText(faults.bcc)}
            onChange={(next) => change({ bcc: next })}
            testId="reply-bcc"
          />
        </>
      )}
      {subject && (
        <label className={styles.row}>
          <span>{t("reply.subject")}</span>
          <TextInput
            variant="unstyled"
            value={draft.subject ?? options.subject}
            maxLength={998}
            error={faultText(faults.subject)}
            onChange={(event) => change({ subject: event.currentTarget.value })}
            data-testid="reply-subject"
          />
        </label>
      )}
      {to.length === 0 && options.to.length === 0 && !faults.to && (
        <p className={styles.note}>{t("reply.noAddressKnown")}</p>
      )}
    </div>
  );
}

interface AddressRowProps {
  label: string;
  value: string[];
  error: string;
  onChange: (addresses: string[]) => void;
  testId: string;
}

function AddressRow({ label, value, error, onChange, testId }: AddressRowProps) {
  const { t } = useTranslation();
  return (
    <label className={styles.row}>
      <span>{label}</span>
      <TagsInput
        variant="unstyled"
        aria-label={label}
        value={value}
        onChange={(written) => onChange(distinct(written.map(bareAddress).filter(Boolean)))}
        splitChars={[",", ";"]}
        acceptValueOnBlur
        error={error}
        placeholder={value.length === 0 ? t("reply.addressPlaceholder") : ""}
        classNames={{ pill: styles.pill ?? "", inputField: styles.typing ?? "" }}
        data-bad={value.some((address) => !isAddress(address)) || undefined}
        inputMode="email"
        data-testid={testId}
      />
    </label>
  );
}
