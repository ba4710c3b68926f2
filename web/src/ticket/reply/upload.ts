import { ApiProblem, problemOf } from "@/api/problem";
import type { Attachment } from "@/api/types";
import { csrfHeader } from "@/session/csrf";
import { refreshSession } from "@/session/refresh";

export interface Upload {
  done: Promise<Attachment>;
  abort: () => void;
}

/** Sends a file as it is read from disk. Only XMLHttpRequest tells how far an upload has come (progress: 0 to 1). */
export function upload(ticketId: string, file: File, progress: (share: number) => void): Upload {
  let request = new XMLHttpRequest();
  let aborted = false;

  async function attempt(): Promise<Attachment> {
    const sentAt = Date.now();
    try {
      return await send(request, ticketId, file, progress);
    } catch (error) {
      const ended = error instanceof ApiProblem && error.problem.status === 401;
      if (!ended || aborted || (await refreshSession(sentAt)) !== "refreshed") throw error;
      request = new XMLHttpRequest();
      return send(request, ticketId, file, progress);
    }
  }

  return {
    done: attempt(),
    abort: () => {
      aborted = true;
      request.abort();
    },
  };
}

function send(
  request: XMLHttpRequest,
  ticketId: string,
  file: File,
  progress: (share: number) => void,
): Promise<Attachment> {
  return new Promise((resolve, reject) => {
    request.open("POST", `/api/v1/tickets/${ticketId}/attachments`);
    request.responseType = "json";
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    for (const [name, value] of Object.entries(csrfHeader)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status < 300) resolve(request.response as Attachment);
      else reject(new ApiProblem(problemOf(request.response, new Response(null, { status: request.status }))));
    };
    request.onerror = () => reject(new TypeError("The upload was interrupted."));
    request.onabort = () => reject(new DOMException("Removed.", "AbortError"));
    request.send(file);
  });
}
