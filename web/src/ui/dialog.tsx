import { Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useNarrow } from "./layout";
import styles from "./dialog.module.css";

interface DialogProps {
  opened: boolean;
  close: () => void;
  title: string;
  testId: string;
  children: ReactNode;
}

/** Put together from parts, since Mantine's ready-made one brings a second banner landmark into the page. */
export function Dialog({ opened, close, title, testId, children }: DialogProps) {
  const { t } = useTranslation();
  const narrow = useNarrow();
  return (
    <Modal.Root opened={opened} onClose={close} size={520} centered={!narrow} fullScreen={narrow} returnFocus>
      <Modal.Overlay />
      <Modal.Content radius={narrow ? 0 : "lg"} data-testid={testId}>
        <div className={styles.head}>
          <Modal.Title>{title}</Modal.Title>
          <Modal.CloseButton aria-label={t("close")} />
        </div>
        <div className={styles.body}>{children}</div>
      </Modal.Content>
    </Modal.Root>
  );
}

Dialog.Foot = function Foot({ children }: { children: ReactNode }) {
  return <div className={styles.foot}>{children}</div>;
};
