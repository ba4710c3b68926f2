import { Button, Popover, TextInput, Tooltip } from "@mantine/core";
import {
  IconArrowBackUp,
  IconBlockquote,
  IconBold,
  IconItalic,
  IconLink,
  IconList,
  IconListNumbers,
  IconMoodSmile,
} from "@tabler/icons-react";
import { type Editor, useEditorState } from "@tiptap/react";
import { type SyntheticEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import styles from "./editor.module.css";

/** Those that suit a company's mail. */
const EMOJI = ["🙂", "😊", "👍", "🙏", "🎉", "❤️", "✅", "⚠️", "📦", "🚚", "📄", "📎", "📞", "📅", "💳", "⏳"];

export function Toolbar({ editor }: { editor: Editor }) {
  const { t } = useTranslation();
  const active = useEditorState({
    editor,
    selector: ({ editor: now }) => ({
      bold: now.isActive("bold"),
      italic: now.isActive("italic"),
      bullets: now.isActive("bulletList"),
      numbers: now.isActive("orderedList"),
      quote: now.isActive("blockquote"),
      link: now.isActive("link"),
      mayUndo: now.can().undo(),
    }),
  });
  const run = () => editor.chain().focus();
  return (
    <div className={styles.toolbar} role="toolbar" aria-label={t("editor.toolbar")}>
      <Tool label={t("editor.bold")} keys="Ctrl+B" active={active.bold} onClick={() => run().toggleBold().run()}>
        <IconBold size={17} stroke={1.9} aria-hidden />
      </Tool>
      <Tool label={t("editor.italic")} keys="Ctrl+I" active={active.italic} onClick={() => run().toggleItalic().run()}>
        <IconItalic size={17} stroke={1.9} aria-hidden />
      </Tool>
      <Tool label={t("editor.bullets")} active={active.bullets} onClick={() => run().toggleBulletList().run()}>
        <IconList size={17} stroke={1.9} aria-hidden />
      </Tool>
      <Tool label={t("editor.numbers")} active={active.numbers} onClick={() => run().toggleOrderedList().run()}>
        <IconListNumbers size={17} stroke={1.9} aria-hidden />
      </Tool>
      <Tool label={t("editor.quote")} active={active.quote} onClick={() => run().toggleBlockquote().run()}>
        <IconBlockquote size={17} stroke={1.9} aria-hidden />
      </Tool>
      <LinkTool editor={editor} active={active.link} />
      <EmojiTool editor={editor} />
      <Tool label={t("editor.undo")} keys="Ctrl+Z" disabled={!active.mayUndo} onClick={() => run().undo().run()}>
        <IconArrowBackUp size={17} stroke={1.9} aria-hidden />
      </Tool>
    </div>
  );
}

interface ToolProps {
  label: string;
  keys?: string;
  active?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function Tool({ label, keys, active, disabled = false, onClick, children }: ToolProps) {
  return (
    <Tooltip label={keys ? `${label} (${keys})` : label}>
      <button
        type="button"
        className={styles.tool}
        aria-label={label}
        aria-pressed={active}
        disabled={disabled}
        // The writing must not lose its place to a button.
        onMouseDown={(event) => event.preventDefault()}
        onClick={onClick}
      >
        {children}
      </button>
    </Tooltip>
  );
}

function LinkTool({ editor, active }: { editor: Editor; active: boolean }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const [address, setAddress] = useState("");
  const [error, setError] = useState("");

  function open(): void {
    setAddress((editor.getAttributes("link").href as string | undefined) ?? "");
    setError("");
    setOpened(true);
  }

  function apply(event: SyntheticEvent): void {
    event.preventDefault();
    event.stopPropagation();
    const href = /^[a-z]+:/i.test(address.trim()) ? address.trim() : `https://${address.trim()}`;
    if (!address.trim() || !/^(https?:\/\/\S+\.\S+|mailto:\S+@\S+)$/i.test(href)) {
      setError(t("editor.linkInvalid"));
      return;
    }
    const chain = editor.chain().focus().extendMarkRange("link");
    if (editor.state.selection.empty && !active) {
      chain.insertContent({ type: "text", text: address.trim(), marks: [{ type: "link", attrs: { href } }] }).run();
    } else chain.setLink({ href }).run();
    setOpened(false);
  }

  return (
    <Popover opened={opened} onChange={setOpened} width={320} position="top-start" shadow="md" trapFocus withinPortal>
      <Popover.Target>
        <Tooltip label={t("editor.link")}>
          <button
            type="button"
            className={styles.tool}
            aria-label={t("editor.link")}
            aria-pressed={active}
            onMouseDown={(event) => event.preventDefault()}
            onClick={open}
          >
            <IconLink size={17} stroke={1.9} aria-hidden />
          </button>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("editor.link")}>
        <form onSubmit={apply} className={styles.link}>
          <TextInput
            label={t("editor.linkAddress")}
            placeholder="https://"
            value={address}
            error={error}
            onChange={(event) => setAddress(event.currentTarget.value)}
            data-autofocus
          />
          <div className={styles.linkButtons}>
            {active && (
              <Button
                size="xs"
                variant="default"
                onClick={() => {
                  editor.chain().focus().extendMarkRange("link").unsetLink().run();
                  setOpened(false);
                }}
              >
                {t("editor.linkRemove")}
              </Button>
            )}
            <Button size="xs" type="submit">
              {t("editor.linkApply")}
            </Button>
          </div>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

function EmojiTool({ editor }: { editor: Editor }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} position="top" shadow="md" trapFocus withinPortal>
      <Popover.Target>
        <Tooltip label={t("editor.emoji")}>
          <button
            type="button"
            className={styles.tool}
            aria-label={t("editor.emoji")}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => setOpened(!opened)}
          >
            <IconMoodSmile size={17} stroke={1.9} aria-hidden />
          </button>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("editor.emoji")}>
        <div className={styles.emoji}>
          {EMOJI.map((emoji) => (
            <button
              key={emoji}
              type="button"
              aria-label={t("editor.emojiNamed", { emoji })}
              onClick={() => {
                editor.chain().focus().insertContent(emoji).run();
                setOpened(false);
              }}
            >
              {emoji}
            </button>
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
