"""The download of an attachment: bytes written by a stranger, given to a browser."""

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, request
from guiche.common.v1 import access_pb2
from guiche.mail.v1 import message_pb2, message_service_pb2, message_service_pb2_grpc

from gateway.decoder import split_query
from gateway.failures import BadInput, Busy, UnknownField
from gateway.gate import Gate, Record, record_of, sign_in_of_request
from gateway.grants import ask_grant
from gateway.problem_docs import documented

PATH = "/api/v1/tickets/{ticketId}/attachments/{attachmentId}"
PLACES = {"ticket_id": "{ticketId}", "attachment_id": "{attachmentId}"}
# What a browser may show within our origin: pictures that cannot carry a script (SVG can).
INLINE_TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
DISPOSITIONS = ("attachment", "inline")
# RFC 9110, 5.6.2
CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}")
FALLBACK_NAME = "anexo"
MAX_NAME = 150

_ID = {"type": "string", "format": "uuid"}

PATHS: dict[str, Any] = {
    PATH: {
        "get": {
            "operationId": "downloadAttachment",
            "tags": ["MessageService"],
            "description": "The bytes of an attachment of one of the ticket's messages.",
            "security": [{"bearer": []}, {"cookie": []}],
            "parameters": [
                {"name": "ticketId", "in": "path", "required": True, "schema": _ID},
                {"name": "attachmentId", "in": "path", "required": True, "schema": _ID},
                {
                    "name": "disposition",
                    "in": "query",
                    "schema": {"type": "string", "enum": ["attachment", "inline"], "default": "attachment"},
                    "description": "inline is honoured for PNG, JPEG, GIF and WebP only.",
                },
            ],
            "responses": {
                "200": {
                    "description": "The file.",
                    "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
                    "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
                },
            }
            | documented(400, 401, 403, 404, 429, 431, 500, 503, 504),
        }
    }
}


def add_attachments(app: Flask, gate: Gate, downloads: int) -> None:
    rule = "/api/v1/tickets/<segment:ticket_id>/attachments/<segment:attachment_id>"
    view = download(gate, threading.BoundedSemaphore(downloads))
    app.add_url_rule(rule, "DownloadAttachment", view, methods=["GET"], provide_automatic_options=False)


def download(gate: Gate, slots: threading.BoundedSemaphore) -> Callable[[str, str], Response]:
    peer = gate.peers["mail"]
    stub = message_service_pb2_grpc.MessageServiceStub(peer.channel)

    def answer(ticket_id: str, attachment_id: str) -> Response:
        record_of(request).route = PATH
        attendant = sign_in_of_request(gate).attendant
        g.places = PLACES
        inline = wants_inline(request.environ.get("QUERY_STRING", ""))
        grant = ask_grant(gate.peers["ticket"], attendant, ticket_id, access_pb2.GRANT_ACTION_READ_MESSAGES)
        asked = message_service_pb2.DownloadAttachmentRequest(ticket_id=ticket_id, attachment_id=attachment_id)
        # A download holds its thread for as long as its client takes; the others must find one all the same.
        if not slots.acquire(blocking=False):
            raise Busy("Too many downloads at once; try again in a moment.")
        parts = peer.stream(stub.DownloadAttachment, asked, attendant, grant)
        try:
            attachment = next(parts).attachment
        except BaseException:
            slots.release()
            raise
        response = Response(chunks(parts, record_of(request)), headers=headers(attachment, inline))
        response.call_on_close(slots.release)
        return response

    return answer


def wants_inline(query: str) -> bool:
    values = split_query(query)
    if unknown := next((name for name in values if name != "disposition"), None):
        raise UnknownField("There is no such parameter here.", f"?{unknown[:60]}", "UNKNOWN_FIELD", ["disposition"])
    given = values.get("disposition", ["attachment"])
    if len(given) > 1 or given[0] not in DISPOSITIONS:
        raise BadInput("It must be attachment or inline.", "?disposition", allowed=DISPOSITIONS)
    return given[0] == "inline"


def chunks(parts: Iterator[message_service_pb2.DownloadAttachmentResponse], record: Record) -> Iterator[bytes]:
    for part in parts:
        if record.gone:
            return
        yield part.chunk


def headers(attachment: message_pb2.Attachment, inline: bool) -> dict[str, str]:
    content_type = attachment.content_type.lower()
    shown = inline and content_type in INLINE_TYPES
    return {
        "Content-Type": content_type if CONTENT_TYPE.fullmatch(content_type) else "application/octet-stream",
        # With it a connection that breaks half-way is a failed download, not a shorter file.
        "Content-Length": str(attachment.size),
        "Content-Disposition": disposition("inline" if shown else "attachment", attachment.file_name),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        # Its bytes never change, but whether the attendant may see them does.
        "Cache-Control": "private, no-store",
    }


def disposition(kind: str, name: str) -> str:
    """RFC 6266, with the name both for old clients and as RFC 8187 has it."""
    safe = safe_name(name)
    plain = unicodedata.normalize("NFKD", safe).encode("ascii", "ignore").decode()
    plain = re.sub(r'["\\%]', "_", plain) or FALLBACK_NAME
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def safe_name(name: str) -> str:
    """Without paths, control characters, and those that turn the reading direction to hide what kind of file it is."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(char for char in last if unicodedata.category(char)[0] != "C").strip(". ")
    if len(kept) > MAX_NAME:
        stem, dot, ending = kept.rpartition(".")
        kept = stem[: MAX_NAME - 20] + dot + ending[:19] if dot else kept[:MAX_NAME]
    return kept or FALLBACK_NAME
