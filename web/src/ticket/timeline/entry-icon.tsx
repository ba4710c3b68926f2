import {
  IconArrowForwardUp,
  IconCircleCheck,
  IconCircleDot,
  IconCircleOff,
  IconClockHour4,
  IconClockX,
  IconEye,
  IconFlag,
  IconHelpCircle,
  IconListDetails,
  IconLockOpen,
  IconMailDown,
  IconMailX,
  IconPencil,
  IconPlayerPlayFilled,
  IconPlus,
  IconRotate2,
  IconSend,
} from "@tabler/icons-react";
import type { Interaction } from "@/api/types";

const ICONS: Record<Interaction["kind"], typeof IconPlus> = {
  UNSPECIFIED: IconPencil,
  OPENED: IconPlus,
  STARTED: IconPlayerPlayFilled,
  REPLIED: IconSend,
  MESSAGE_RECEIVED: IconMailDown,
  AWAITED: IconClockHour4,
  AWAITING_EXPIRED: IconClockX,
  RELEASED: IconLockOpen,
  FOLLOWED: IconEye,
  STATUS_SET: IconCircleDot,
  PRIORITY_SET: IconFlag,
  SERVICE_TYPE_SET: IconListDetails,
  CONCLUDED: IconCircleCheck,
  FINALIZED: IconCircleOff,
  REOPENED: IconRotate2,
  DELIVERY_FAILED: IconMailX,
  DELIVERY_UNKNOWN: IconHelpCircle,
  CONTINUED: IconArrowForwardUp,
};

/** A kind that this page does not know yet looks like any other. */
export function EntryIcon({ kind, size }: { kind: Interaction["kind"]; size: number }) {
  const Icon = kind in ICONS ? ICONS[kind] : IconPencil;
  return <Icon size={size} stroke={1.9} aria-hidden />;
}
