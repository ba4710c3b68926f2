import { Menu, Tooltip, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconCheck,
  IconChevronDown,
  IconDeviceDesktop,
  IconExternalLink,
  IconIdBadge2,
  IconLogout,
  IconMoon,
  IconSun,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { type Language, setLanguage } from "@/i18n";
import { useConnected } from "@/push/use-push";
import { signOut, useMe } from "@/session/session";
import { initials } from "@/ui/format";
import { notify } from "@/ui/notify";
import { Logo } from "./logo";
import { MyInformation } from "./my-information";
import styles from "./shell.module.css";

export function TopBar() {
  const { t } = useTranslation();
  const [informationOpen, information] = useDisclosure(false);
  return (
    <header className={styles.bar} aria-label={t("bar.main")}>
      <Link to="/" className={styles.brand}>
        <Logo /> {t("product")}
      </Link>
      <ConnectionNotice />
      <WorkspaceDigitalLink />
      <button
        type="button"
        className={styles.item}
        onClick={information.open}
        data-testid="my-information"
        aria-haspopup="dialog"
      >
        <IconIdBadge2 size={19} stroke={1.7} aria-hidden />
        <span className={styles.wide}>{t("bar.myInformation")}</span>
        <span className="visually-hidden">{t("bar.myInformation")}</span>
      </button>
      <AccountMenu />
      <MyInformation opened={informationOpen} close={information.close} />
    </header>
  );
}

function ConnectionNotice() {
  const { t } = useTranslation();
  const connected = useConnected();
  return (
    <div role="status">
      {!connected && (
        <Tooltip label={t("bar.reconnectingHint")}>
          <span className={styles.lost} data-testid="reconnecting">
            <span className={styles.pulse} aria-hidden /> {t("bar.reconnecting")}
          </span>
        </Tooltip>
      )}
    </div>
  );
}

/** The address belongs to the installation: whoever serves the page may put it into this meta element. */
function workspaceDigitalAddress(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="guiche-workspace-digital"]')?.content ?? "";
}

function WorkspaceDigitalLink() {
  const { t } = useTranslation();
  const address = workspaceDigitalAddress();
  if (!/^https?:\/\//.test(address)) return null;
  return (
    <a className={styles.item} href={address} target="_blank" rel="noopener noreferrer">
      <IconExternalLink size={18} stroke={1.7} aria-hidden />
      <span className={styles.wide}>{t("bar.workspaceDigital")}</span>
      <span className="visually-hidden">{t("bar.workspaceDigital")}</span>
    </a>
  );
}

const LANGUAGES: { code: Language; name: string }[] = [
  { code: "pt-BR", name: "Português (Brasil)" },
  { code: "en", name: "English" },
];

function AccountMenu() {
  const { t, i18n } = useTranslation();
  const me = useMe().data;
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const name = me?.attendant?.name ?? "";
  const themes = [
    { scheme: "light", label: t("bar.themeLight"), Icon: IconSun },
    { scheme: "dark", label: t("bar.themeDark"), Icon: IconMoon },
    { scheme: "auto", label: t("bar.themeAuto"), Icon: IconDeviceDesktop },
  ] as const;

  async function leave(): Promise<void> {
    try {
      await signOut();
    } catch {
      notify("failed", t("bar.signOutFailed"));
    }
  }

  return (
    <Menu position="bottom-end" width={220} shadow="md">
      <Menu.Target>
        <button
          type="button"
          className={styles.item}
          aria-label={t("bar.account", { name })}
          data-testid="account-menu"
        >
          <span className={styles.me} aria-hidden>
            {initials(name)}
          </span>
          <span className={styles.wide}>{name}</span>
          <IconChevronDown size={15} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("bar.theme")}</Menu.Label>
        {themes.map(({ scheme, label, Icon }) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon size={16} stroke={1.7} aria-hidden />}
            rightSection={colorScheme === scheme && <IconCheck size={15} aria-hidden />}
            aria-current={colorScheme === scheme}
            onClick={() => setColorScheme(scheme)}
            data-testid={`theme-${scheme}`}
          >
            {label}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Label>{t("bar.language")}</Menu.Label>
        {LANGUAGES.map(({ code, name: label }) => (
          <Menu.Item
            key={code}
            lang={code}
            rightSection={i18n.language === code && <IconCheck size={15} aria-hidden />}
            aria-current={i18n.language === code}
            onClick={() => setLanguage(code)}
          >
            {label}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item
          leftSection={<IconLogout size={16} stroke={1.7} aria-hidden />}
          onClick={() => void leave()}
          data-testid="sign-out"
        >
          {t("bar.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
