import { Notifications } from "@mantine/notifications";
import { useNarrow } from "./layout";
import styles from "./toasts.module.css";

/** Short words at the page's edge: at the top, where on a desktop nothing is to be pressed; on a phone above the foot's buttons. */
export function Toasts() {
  const narrow = useNarrow();
  return (
    <Notifications
      position={narrow ? "bottom-center" : "top-center"}
      limit={3}
      classNames={{ root: styles.toasts ?? "" }}
    />
  );
}
