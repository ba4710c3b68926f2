import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiProblem } from "@/api/problem";
import { fileSize } from "@/ui/format";
import { useProblemText } from "@/ui/problem-text";
import { type UploadedFile, uploadedFile } from "./draft";
import { type Upload, upload } from "./upload";

/** A file on its way, or one that did not get through. */
export interface Pending {
  key: string;
  name: string;
  size: number;
  type: string;
  state: "waiting" | "uploading" | "failed";
  /** 0 to 1 */
  share: number;
  reason: string;
}

/** A browser allows six connections per host; the page needs some for itself. */
const AT_ONCE = 2;

interface Uploads {
  pending: Pending[];
  add: (files: File[]) => void;
  retry: (key: string) => void;
  remove: (key: string) => void;
  clear: () => void;
}

/** Uploads files two at a time; each that is through is handed to `finished`. `left`: how many bytes a reply still takes. */
export function useUploads(
  ticketId: string,
  left: number,
  limit: number,
  finished: (file: UploadedFile) => void,
): Uploads {
  const { t, i18n } = useTranslation();
  const problemText = useProblemText();
  const [pending, setPending] = useState<Pending[]>([]);
  const files = useRef(new Map<string, File>());
  const running = useRef(new Map<string, Upload>());
  const latest = useRef({ finished });
  useEffect(() => {
    latest.current = { finished };
  });

  const change = (key: string, part: Partial<Pending>): void =>
    setPending((now) => now.map((one) => (one.key === key ? { ...one, ...part } : one)));
  const drop = (key: string): void => setPending((now) => now.filter((one) => one.key !== key));

  function reasonOf(error: unknown): string {
    if (error instanceof ApiProblem) return problemText(error);
    return t("files.interrupted");
  }

  function start(key: string): void {
    const file = files.current.get(key);
    if (!file || running.current.has(key)) return;
    const one = upload(ticketId, file, (share) => change(key, { share }));
    running.current.set(key, one);
    change(key, { state: "uploading", share: 0, reason: "" });
    one.done
      .then((attachment) => {
        files.current.delete(key);
        drop(key);
        latest.current.finished(uploadedFile(attachment));
      })
      .catch((error: unknown) => {
        if (error instanceof DOMException) return;
        change(key, { state: "failed", reason: reasonOf(error) });
      })
      .finally(() => running.current.delete(key));
  }

  // Whenever one ends, the next that waits begins.
  useEffect(() => {
    const uploading = pending.filter(({ state }) => state === "uploading").length;
    const waiting = pending.filter(({ state }) => state === "waiting");
    for (const { key } of waiting.slice(0, Math.max(0, AT_ONCE - uploading))) start(key);
  });

  useEffect(() => {
    const all = running.current;
    return () => {
      for (const one of all.values()) one.abort();
    };
  }, []);

  const spare = left - pending.filter(({ state }) => state !== "failed").reduce((sum, { size }) => sum + size, 0);
  const tooLarge = t("files.tooLarge", { limit: fileSize(limit, i18n.language) });

  function add(added: File[]): void {
    let room = spare;
    const entries = added.map((file): Pending => {
      const key = crypto.randomUUID();
      const { name, size, type } = file;
      const base = { key, name, size, type, share: 0 };
      if (size === 0) return { ...base, state: "failed", reason: t("files.empty") };
      files.current.set(key, file);
      if (size > room) return { ...base, state: "failed", reason: tooLarge };
      room -= size;
      return { ...base, state: "waiting", reason: "" };
    });
    setPending((now) => [...now, ...entries]);
  }

  function retry(key: string): void {
    const fits = (files.current.get(key)?.size ?? 0) <= spare;
    change(key, fits ? { state: "waiting", reason: "" } : { reason: tooLarge });
  }

  return {
    pending,
    add,
    retry,
    remove: (key) => {
      running.current.get(key)?.abort();
      running.current.delete(key);
      files.current.delete(key);
      drop(key);
    },
    clear: () => setPending([]),
  };
}

/** Whether trying again could help: not with a file that never was accepted for upload. */
export function mayRetry({ reason, size }: Pending, limit: number): boolean {
  return reason !== "" && size > 0 && size <= limit;
}
