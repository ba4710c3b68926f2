import {
  type Icon,
  IconArrowForwardUp,
  IconCircleCheck,
  IconCircleDot,
  IconCircleOff,
  IconClockHour4,
  IconClockX,
  IconFlag,
  IconHelpCircle,
  IconListDetails,
  IconMailDown,
  IconMailX,
  IconPencil,
  IconPlus,
  IconSend,
} from "@tabler/icons-react";
import type { Interaction } from "@/api/types";
import { SIMPLE_VERB_ICONS } from "@/ticket/verbs/simple-verbs";

const ICONS: Record<Interaction["kind"], Icon> = {
  ...SIMPLE_VERB_ICONS,
  UNSPECIFIED: IconPencil,
  OPENED: IconPlus,
  REPLIED: IconSend,
  MESSAGE_RECEIVED: IconMailDown,
  AWAITED: IconClockHour4,
  AWAITING_EXPIRED: IconClockX,
  STATUS_SET: IconCircleDot,
  PRIORITY_SET: IconFlag,
  SERVICE_TYPE_SET: IconListDetails,
  CONCLUDED: IconCircleCheck,
  FINALIZED: IconCircleOff,
  DELIVERY_FAILED: IconMailX,
  DELIVERY_UNKNOWN: IconHelpCircle,
  CONTINUED: IconArrowForwardUp,
};

/** A kind that this page does not know yet looks like any other. */
export function EntryIcon({ kind, size }: { kind: Interaction["kind"]; size: number }) {
  const KindIcon = kind in ICONS ? ICONS[kind] : IconPencil;
  return <KindIcon size={size} stroke={1.9} aria-hidden />;
}
