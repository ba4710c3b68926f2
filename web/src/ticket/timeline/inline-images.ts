import { useQuery } from "@tanstack/react-query";
import { api } from "@/api/client";
import type { Attachment, Message } from "@/api/types";
import { inlineImage, prepareHtml } from "./html-body";

const NONE: ReadonlyMap<string, string> = new Map();

/**
 * The images within a mail, as data: addresses by Content-ID. The frame can load nothing by itself, so the page brings them.
 * Undefined while they are on their way; one that fails is left out rather than keeping the message from being read.
 */
export function useInlineImages(ticketId: string, message: Message): ReadonlyMap<string, string> | undefined {
  const wanted = prepareHtml(message.html, NONE, false).contentIds;
  const query = useQuery({
    queryKey: ["inline-images", ticketId, message.id],
    queryFn: () => loadImages(ticketId, message, wanted),
    enabled: wanted.length > 0,
  });
  if (wanted.length === 0 || query.isError) return NONE;
  return query.data;
}

async function loadImages(
  ticketId: string,
  message: Message,
  contentIds: string[],
): Promise<ReadonlyMap<string, string>> {
  const loaded = await Promise.all(
    contentIds.map(async (contentId): Promise<[string, string] | undefined> => {
      const file = inlineImage(message.attachments, contentId);
      const data = file && (await loadImage(ticketId, file).catch(() => undefined));
      return data ? [contentId, data] : undefined;
    }),
  );
  return new Map(loaded.filter((entry) => entry !== undefined));
}

async function loadImage(ticketId: string, file: Attachment): Promise<string | undefined> {
  const { data, response } = await api.GET("/api/v1/tickets/{ticketId}/attachments/{attachmentId}", {
    params: { path: { ticketId, attachmentId: file.id }, query: { disposition: "inline" } },
    parseAs: "arrayBuffer",
  });
  return response.ok && data
    ? `data:${file.contentType.toLowerCase()};base64,${base64(new Uint8Array(data))}`
    : undefined;
}

/** In slices, since a call takes only so many arguments. */
function base64(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += 0x8000)
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  return btoa(text);
}
