import { useTranslation } from "react-i18next";
import { Outlet } from "react-router";
import styles from "./shell.module.css";
import { TopBar } from "./top-bar";

export function Shell() {
  const { t } = useTranslation();
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#content">
        {t("skipToContent")}
      </a>
      <TopBar />
      <Outlet />
    </div>
  );
}
