import {
  IconBrandFacebook,
  IconBrandInstagram,
  IconBrandX,
  IconBuildingStore,
  IconDeviceDesktop,
  IconForms,
  IconMail,
  IconMessageCircle,
  IconPhone,
} from "@tabler/icons-react";
import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Platform, TicketPriority, TicketStatus } from "@/api/types";
import styles from "./badges.module.css";
import { initials } from "./format";
import { statusStyle } from "./status-style";

export function StatusBadge({
  status,
  large = false,
  testId,
}: {
  status: TicketStatus;
  large?: boolean;
  testId?: string;
}) {
  const { t } = useTranslation();
  return (
    <span
      className={large ? `${styles.status} ${styles.large}` : styles.status}
      style={statusStyle(status)}
      data-testid={testId}
      data-status={status}
    >
      <span className={styles.dot} aria-hidden />
      <span>{t(`status.${status}`)}</span>
    </span>
  );
}

const STEPS: Record<TicketPriority, number> = {
  UNSPECIFIED: 0,
  LOW: 1,
  MEDIUM_LOW: 2,
  MEDIUM: 3,
  MEDIUM_HIGH: 4,
  HIGH: 5,
};

export function PriorityMark({ priority }: { priority: TicketPriority }) {
  const { t } = useTranslation();
  const steps = STEPS[priority];
  return (
    <span className={styles.priority} data-high={steps >= 4 || undefined}>
      <span className={styles.bars} aria-hidden>
        {[1, 2, 3, 4, 5].map((step) => (
          <i key={step} style={{ height: 2 + step * 2 }} data-on={step <= steps || undefined} />
        ))}
      </span>
      <span className="visually-hidden">{t("ticket.priority")}: </span>
      {t(`priority.${priority}`)}
    </span>
  );
}

const ICONS: Record<Platform, typeof IconMail> = {
  UNSPECIFIED: IconMessageCircle,
  EMAIL: IconMail,
  FORM: IconForms,
  FACEBOOK: IconBrandFacebook,
  INSTAGRAM: IconBrandInstagram,
  X: IconBrandX,
  TELEPHONE: IconPhone,
  IN_PERSON: IconBuildingStore,
  WORKSPACE_DIGITAL: IconDeviceDesktop,
  OTHER: IconMessageCircle,
};

export function PlatformIcon({ platform }: { platform: Platform }) {
  const { t } = useTranslation();
  const Icon = ICONS[platform];
  return (
    <Tooltip label={t(`platform.${platform}`)}>
      <span className={styles.platform} role="img" aria-label={t(`platform.${platform}`)}>
        <Icon size={17} stroke={1.7} aria-hidden />
      </span>
    </Tooltip>
  );
}

export function Initials({ name, me = false }: { name: string; me?: boolean }) {
  return (
    <span className={styles.avatar} data-me={me || undefined} aria-hidden>
      {initials(name)}
    </span>
  );
}
