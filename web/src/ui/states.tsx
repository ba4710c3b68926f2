import { Button, Loader } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { statusOf } from "@/api/problem";
import { traceIdOf, useProblemText } from "./problem-text";
import { type Picture, StatePicture } from "./state-picture";
import styles from "./states.module.css";

interface StateProps {
  picture: Picture;
  title: string;
  text: string;
  actions?: ReactNode;
  traceId?: string;
  /** Whether it is the page's own heading. */
  page?: boolean;
}

export function State({ picture, title, text, actions, traceId, page = false }: StateProps) {
  const { t } = useTranslation();
  const Heading = page ? "h1" : "h2";
  return (
    <div className={styles.state}>
      <div className={styles.picture}>
        <StatePicture picture={picture} />
      </div>
      <Heading>{title}</Heading>
      <p>{text}</p>
      {actions && <div className={styles.actions}>{actions}</div>}
      {traceId && (
        <p className={styles.trace}>
          {t("problem.trace")} <code>{traceId}</code>
        </p>
      )}
    </div>
  );
}

export function RetryButton({ retry }: { retry: () => void }) {
  const { t } = useTranslation();
  return (
    <Button variant="default" leftSection={<IconRefresh size={16} />} onClick={retry}>
      {t("tryAgain")}
    </Button>
  );
}

/** A part of a page that could not be loaded, with a way to try again. */
export function Failed({ title, error, retry }: { title: string; error: unknown; retry: () => void }) {
  const problemText = useProblemText();
  return (
    <div role="alert">
      <State
        picture="broken"
        title={title}
        text={problemText(error)}
        traceId={traceIdOf(error)}
        actions={<RetryButton retry={retry} />}
      />
    </div>
  );
}

function HomeButton() {
  const { t } = useTranslation();
  return (
    <Button component={Link} to="/">
      {t("problem.goHome")}
    </Button>
  );
}

export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <State
      page
      picture="missing"
      title={t("problem.notFoundTitle")}
      text={t("problem.notFoundText")}
      actions={<HomeButton />}
    />
  );
}

/** A whole page that cannot be shown: not found, forbidden, or trouble on the server's side. */
export function ProblemPage({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const problemText = useProblemText();
  const status = statusOf(error);
  const traceId = traceIdOf(error);
  if (status === 404) return <NotFoundPage />;
  if (status === 403) {
    return (
      <State
        page
        picture="forbidden"
        title={t("problem.forbiddenTitle")}
        text={t("problem.forbiddenText")}
        traceId={traceId}
        actions={<HomeButton />}
      />
    );
  }
  const title = status === undefined || status >= 500 ? t("problem.serverTitle") : t("problem.title");
  return (
    <State
      page
      picture="broken"
      title={title}
      text={problemText(error)}
      traceId={traceId}
      actions={
        <>
          {retry && <RetryButton retry={retry} />}
          <HomeButton />
        </>
      }
    />
  );
}

export function LoadingPage() {
  const { t } = useTranslation();
  return (
    <div className={styles.full} role="status">
      <Loader aria-hidden />
      <span className="visually-hidden">{t("loading")}</span>
    </div>
  );
}
