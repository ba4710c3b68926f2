import { Drawer } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import styles from "./side-drawer.module.css";

interface SideDrawerProps {
  opened: boolean;
  close: () => void;
  position: "left" | "right";
  title: string;
  children: ReactNode;
}

/** Put together from parts, since Mantine's ready-made one brings a second banner landmark into the page. */
export function SideDrawer({ opened, close, position, title, children }: SideDrawerProps) {
  const { t } = useTranslation();
  return (
    <Drawer.Root opened={opened} onClose={close} position={position} size="min(400px, 92vw)">
      <Drawer.Overlay />
      <Drawer.Content>
        <div className={styles.head}>
          <Drawer.Title>{title}</Drawer.Title>
          <Drawer.CloseButton aria-label={t("close")} />
        </div>
        <div className={styles.body}>{children}</div>
      </Drawer.Content>
    </Drawer.Root>
  );
}
