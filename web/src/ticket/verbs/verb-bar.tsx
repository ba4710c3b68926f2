import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconCircleCheck, IconCircleOff, IconClockHour4, IconDots } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Ticket } from "@/api/types";
import { useAct } from "./act";
import { AwaitDialog } from "./await-dialog";
import { ClosingDialog } from "./closing-dialog";
import { SIMPLE_VERBS, type SimpleVerb, simpleVerbsIn } from "./simple-verbs";
import { StartButton } from "./start-button";
import styles from "./verbs.module.css";

type Opened = "awaitReply" | "conclude" | "finalize" | undefined;

interface BarProps {
  ticket: Ticket;
  narrow: boolean;
  /** After what is done at one press. */
  onDone: (verb: SimpleVerb) => void;
  children?: ReactNode;
}

/** What may be done now, as the server says in allowedVerbs; the most likely first, the rest in a menu. */
export function VerbBar({ ticket, narrow, onDone, children }: BarProps) {
  const { t } = useTranslation();
  const { act, pending } = useAct(ticket);
  const [opened, setOpened] = useState<Opened>();
  const may = (verb: string): boolean => ticket.allowedVerbs.includes(verb);
  const close = (): void => setOpened(undefined);
  const simple = (verb: SimpleVerb) => {
    const { icon: Icon } = SIMPLE_VERBS[verb];
    return {
      leftSection: <Icon size={17} aria-hidden />,
      onClick: () => void act({ verb }).then(({ done }) => done && onDone(verb)),
      "data-testid": `verb-${verb}`,
      children: t(`verb.${verb}`),
    };
  };

  const simpleItems = simpleVerbsIn("menu")
    .filter(may)
    .map((verb) => <Menu.Item key={verb} {...simple(verb)} />);
  const simpleButtons = simpleVerbsIn("button")
    .filter(may)
    .map((verb) => <Button key={verb} variant="default" loading={pending} {...simple(verb)} />);
  const finalize = may("finalize") && (
    <Menu.Item
      leftSection={<IconCircleOff size={17} aria-hidden />}
      onClick={() => setOpened("finalize")}
      data-testid="verb-finalize"
    >
      {t("verb.finalize")}
    </Menu.Item>
  );
  const awaitItem = narrow && may("awaitReply") && (
    <Menu.Item
      leftSection={<IconClockHour4 size={17} aria-hidden />}
      onClick={() => setOpened("awaitReply")}
      data-testid="verb-awaitReply"
    >
      {t("verb.awaitReply")}
    </Menu.Item>
  );
  // A phone's bar has room for three.
  const crowded = narrow && may("start") && Boolean(children);
  const concludeItem = crowded && may("conclude") && (
    <Menu.Item
      leftSection={<IconCircleCheck size={17} aria-hidden />}
      onClick={() => setOpened("conclude")}
      data-testid="verb-conclude"
    >
      {t("verb.conclude")}
    </Menu.Item>
  );
  const more = simpleItems.length > 0 || finalize || awaitItem || concludeItem;

  return (
    <div className={styles.bar} role="group" aria-label={t("verb.bar")} data-testid="verb-bar">
      {may("start") && <StartButton ticket={ticket} wide={narrow} onDone={() => onDone("start")} />}
      {children}
      {simpleButtons}
      {!narrow && may("awaitReply") && (
        <Button
          variant="default"
          leftSection={<IconClockHour4 size={17} aria-hidden />}
          onClick={() => setOpened("awaitReply")}
          data-testid="verb-awaitReply"
        >
          {t("verb.awaitReply")}
        </Button>
      )}
      {may("conclude") && !crowded && (
        <Button
          variant={may("start") || children ? "default" : "filled"}
          leftSection={<IconCircleCheck size={17} aria-hidden />}
          onClick={() => setOpened("conclude")}
          data-testid="verb-conclude"
        >
          {t("verb.conclude")}
        </Button>
      )}
      {more && (
        <Menu position={narrow ? "top-end" : "bottom-end"} width={250} shadow="md">
          <Menu.Target>
            <ActionIcon
              variant="default"
              size={36}
              aria-label={t("verb.more")}
              loading={pending}
              data-testid="verb-more"
            >
              <IconDots size={19} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {awaitItem}
            {concludeItem}
            {simpleItems}
            {finalize}
          </Menu.Dropdown>
        </Menu>
      )}
      <AwaitDialog ticket={ticket} verb="awaitReply" opened={opened === "awaitReply"} close={close} />
      <ClosingDialog
        ticket={ticket}
        door={opened === "finalize" ? "finalize" : "conclude"}
        opened={opened === "conclude" || opened === "finalize"}
        close={close}
        submit={(classification) =>
          act({ verb: opened === "finalize" ? "finalize" : "conclude", ...(classification && { classification }) })
        }
      />
    </div>
  );
}
