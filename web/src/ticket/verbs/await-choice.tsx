import { Chip, Radio, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Await } from "@/api/types";
import { absoluteTime } from "@/ui/format";
import { localInput, untilOf, type UntilPreset } from "./until";
import styles from "./verbs.module.css";

const PRESETS: UntilPreset[] = ["never", "tomorrow", "days", "week", "custom"];

interface AwaitChoiceProps {
  value: Await;
  onChange: (value: Await) => void;
  error?: string | undefined;
}

/** The decision of waiting: who sees the ticket meanwhile, and until when. */
export function AwaitChoice({ value, onChange, error }: AwaitChoiceProps) {
  const { t, i18n } = useTranslation();
  const [preset, setPreset] = useState<UntilPreset>(value.until ? "custom" : "never");
  const labels: Record<UntilPreset, string> = {
    never: t("await.never"),
    tomorrow: t("await.tomorrow"),
    days: t("await.days", { count: 3 }),
    week: t("await.week"),
    custom: t("await.custom"),
  };

  function choose(next: UntilPreset): void {
    setPreset(next);
    onChange({ mode: value.mode, until: next === "custom" ? (value.until ?? null) : untilOf(next, new Date()) });
  }

  return (
    <div className={styles.await}>
      <Radio.Group label={t("await.lead")} value={value.mode} onChange={(mode) => onChange({ ...value, mode: mode })}>
        <div className={styles.modes}>
          {(["FOLLOW", "RELEASE"] as const).map((mode) => (
            <Radio
              key={mode}
              value={mode}
              className={styles.mode ?? ""}
              label={t(mode === "FOLLOW" ? "await.follow" : "await.release")}
              description={t(mode === "FOLLOW" ? "await.followHint" : "await.releaseHint")}
              data-testid={`await-${mode}`}
            />
          ))}
        </div>
      </Radio.Group>
      <fieldset className={styles.until}>
        <legend>{t("await.until")}</legend>
        <Chip.Group value={preset} onChange={(next) => choose(next)}>
          <div className={styles.chips}>
            {PRESETS.map((name) => (
              <Chip key={name} value={name} size="sm" variant="outline" data-testid={`until-${name}`}>
                {labels[name]}
              </Chip>
            ))}
          </div>
        </Chip.Group>
        {preset === "custom" && (
          <TextInput
            type="datetime-local"
            label={t("await.customLabel")}
            value={localInput(value.until)}
            min={localInput(new Date().toISOString())}
            onChange={(event) => {
              const at = event.currentTarget.value;
              onChange({ ...value, until: at ? new Date(at).toISOString() : null });
            }}
            data-testid="until-at"
          />
        )}
        {error && (
          <p className={styles.error} role="alert">
            {error}
          </p>
        )}
        {value.until && (
          <p className={styles.hint}>
            {t("fact.awaitingUntil", { time: absoluteTime(value.until, i18n.language) })}. {t("await.afterwards")}
          </p>
        )}
      </fieldset>
    </div>
  );
}
