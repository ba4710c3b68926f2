import { Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { ReplyOptions } from "@/api/types";
import styles from "./reply.module.css";

interface AccountProps {
  options: ReplyOptions;
  value: string;
  onChange: (accountId: string) => void;
}

/** Which account answers; where there is but one, it is only told. */
export function AccountChoice({ options, value, onChange }: AccountProps) {
  const { t } = useTranslation();
  const names = options.accounts.map(({ id, name, address }) => ({
    value: id,
    label: name ? `${name} <${address}>` : address,
  }));
  const [first] = names;
  if (!first) return <span className={styles.account} />;
  if (names.length === 1) {
    return (
      <span className={styles.account} title={first.label}>
        {t("reply.from")}: {first.label}
      </span>
    );
  }
  return (
    <div className={styles.account}>
      <Select
        size="xs"
        variant="unstyled"
        classNames={{ input: styles.accountName ?? "" }}
        aria-label={t("reply.from")}
        leftSection={<span className={styles.fromMark}>{t("reply.from")}:</span>}
        leftSectionWidth={34}
        data={names}
        value={value || first.value}
        onChange={(id) => id && onChange(id)}
        allowDeselect={false}
        comboboxProps={{ width: "max-content", position: "bottom-start" }}
        data-testid="reply-account"
      />
    </div>
  );
}
