import { Placeholder } from "@tiptap/extensions";
import { EditorContent, useEditor } from "@tiptap/react";
import StarterKit from "@tiptap/starter-kit";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import styles from "./editor.module.css";
import { Toolbar } from "./toolbar";

export interface EditorProps {
  /** What stands in it at first; afterwards it is the editor's own. */
  html: string;
  onChange: (html: string) => void;
  onFiles: (files: File[]) => void;
  describedBy?: string | undefined;
  invalid: boolean;
  focused: boolean;
  /** To be read and copied, not changed. */
  readOnly?: boolean;
}

/** What mail programs can show, and no more. */
const EXTENSIONS = [
  StarterKit.configure({
    heading: false,
    code: false,
    codeBlock: false,
    horizontalRule: false,
    strike: false,
    underline: false,
    link: { openOnClick: false, autolink: true, defaultProtocol: "https", protocols: ["http", "https", "mailto"] },
  }),
];

/** Rich text for a mail. Loaded when somebody answers, since it is the largest part of the application. */
export default function Editor({
  html,
  onChange,
  onFiles,
  describedBy,
  invalid,
  focused,
  readOnly = false,
}: EditorProps) {
  const { t } = useTranslation();
  const handlers = useRef({ onChange, onFiles });
  useEffect(() => {
    handlers.current = { onChange, onFiles };
  });
  const editor = useEditor({
    extensions: [...EXTENSIONS, Placeholder.configure({ placeholder: t("reply.placeholder") })],
    content: html,
    editable: !readOnly,
    autofocus: focused ? "end" : false,
    editorProps: {
      attributes: {
        role: "textbox",
        "aria-multiline": "true",
        "aria-readonly": String(readOnly),
        "aria-label": t("reply.body"),
        "aria-invalid": String(invalid),
        ...(describedBy && { "aria-describedby": describedBy }),
        "data-testid": "reply-text",
        class: styles.text ?? "",
      },
      // It sends the reply, which is for the box around; here it must not begin a line.
      handleKeyDown: (_, event) => event.key === "Enter" && (event.ctrlKey || event.metaKey),
      handlePaste: (_, event) => takeFiles(event.clipboardData, handlers.current.onFiles),
      handleDrop: (_, event) => takeFiles(event.dataTransfer, handlers.current.onFiles),
    },
    onUpdate: ({ editor: changed }) => handlers.current.onChange(changed.isEmpty ? "" : changed.getHTML()),
  });

  return (
    <div className={styles.editor} data-invalid={invalid || undefined}>
      <EditorContent editor={editor} className={styles.scroll ?? ""} />
      {!readOnly && <Toolbar editor={editor} />}
    </div>
  );
}

/** Pasted from a spreadsheet or a page, text comes along with a picture of itself: then the text is meant. */
function takeFiles(transfer: DataTransfer | null, onFiles: (files: File[]) => void): boolean {
  const files = [...(transfer?.files ?? [])];
  if (files.length === 0 || transfer?.types.includes("text/html")) return false;
  onFiles(files);
  return true;
}
