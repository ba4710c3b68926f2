import { Alert, Button, PasswordInput, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconInfoCircle } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate } from "react-router";
import { Logo } from "@/shell/logo";
import { useProblemText } from "@/ui/problem-text";
import { useTitle } from "@/ui/use-title";
import { wantedAddress } from "./addresses";
import { signIn } from "./session";
import { useSessionEnd } from "./session-state";
import styles from "./sign-in.module.css";

export function SignInPage() {
  const { t } = useTranslation();
  useTitle(t("signIn.title"));
  return (
    <div className={styles.page}>
      <aside className={styles.brand} aria-label={t("product")}>
        <Arches />
        <div className={styles.mark}>
          <Logo size={34} /> {t("product")}
        </div>
        <div className={styles.pitch}>
          <p>{t("tagline")}</p>
        </div>
      </aside>
      <main className={styles.side}>
        <SignInForm />
      </main>
    </div>
  );
}

function SignInForm() {
  const { t } = useTranslation();
  const { search } = useLocation();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const problemText = useProblemText();
  const end = useSessionEnd();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const nameField = useRef<HTMLInputElement>(null);
  const passwordField = useRef<HTMLInputElement>(null);

  useEffect(() => nameField.current?.focus(), []);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (!username.trim() || !password) {
      setError(t("signIn.missing"));
      (username.trim() ? passwordField : nameField).current?.focus();
      return;
    }
    setBusy(true);
    setError("");
    try {
      await signIn(username.trim(), password);
      // Nothing of whoever sat here before may show through.
      queryClient.clear();
      await navigate(end === "left" ? "/" : wantedAddress(search), { replace: true });
    } catch (failure) {
      setError(problemText(failure));
      setPassword("");
      // The button that was pressed is shut while the server thinks, and loses the focus by it.
      passwordField.current?.focus();
    } finally {
      setBusy(false);
    }
  }

  const returning = end === "ended" && search.includes("next=");
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <div className={styles.smallMark}>
        <Logo size={32} /> {t("product")}
      </div>
      <h1>{t("signIn.title")}</h1>
      <p className={styles.lead}>{t("signIn.lead")}</p>
      {returning && !error && (
        <Alert color="petrol" variant="light" icon={<IconInfoCircle />}>
          {t("signIn.ended")}
        </Alert>
      )}
      <div role="alert" className={styles.alert}>
        {error && (
          <Alert
            color="red"
            variant="light"
            classNames={{ root: styles.failure ?? "" }}
            icon={<IconAlertTriangle />}
            data-testid="sign-in-error"
          >
            {error}
          </Alert>
        )}
      </div>
      <TextInput
        ref={nameField}
        label={t("signIn.name")}
        size="md"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={100}
        value={username}
        onChange={(event) => setUsername(event.currentTarget.value)}
        data-testid="sign-in-name"
      />
      <PasswordInput
        ref={passwordField}
        label={t("signIn.password")}
        size="md"
        autoComplete="current-password"
        maxLength={200}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        visibilityToggleButtonProps={{ "aria-label": t("signIn.showPassword") }}
        data-testid="sign-in-password"
      />
      <Button type="submit" size="md" loading={busy} data-testid="sign-in-submit">
        {t("signIn.submit")}
      </Button>
    </form>
  );
}

/** A row of service windows; somebody sits behind the middle one. */
function Arches() {
  return (
    <svg className={styles.arches} viewBox="0 0 660 460" fill="none" strokeWidth="9" strokeLinecap="round" aria-hidden>
      <g stroke="currentColor">
        {[20, 240, 460].map((left) => (
          <path key={left} d={`M${left} 410V190a90 90 0 0 1 180 0v220`} />
        ))}
        <path d="M0 440h660" />
      </g>
      {[110, 550].map((center) => (
        <circle key={center} cx={center} cy="230" r="27" fill="currentColor" />
      ))}
      <circle className={styles.lit} cx="330" cy="230" r="27" />
    </svg>
  );
}
