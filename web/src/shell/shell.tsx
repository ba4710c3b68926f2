import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Outlet, useLocation } from "react-router";
import styles from "./shell.module.css";
import { TopBar } from "./top-bar";

export function Shell() {
  const { t } = useTranslation();
  useFocusOnNewPage();
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

/** As a browser does for a whole new page, so that keyboard and screen reader start at its content. */
function useFocusOnNewPage(): void {
  const { pathname } = useLocation();
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    document.getElementById("content")?.focus({ preventScroll: true });
  }, [pathname]);
}
