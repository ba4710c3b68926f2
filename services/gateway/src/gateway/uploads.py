"""The upload of a file for a reply: a body that is passed on as it comes, since it may be large and slow."""

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import unquote

from flask import Flask, Response, g, request
from guiche.common.v1 import access_pb2
from guiche.mail.v1 import message_service_pb2, message_service_pb2_grpc
from werkzeug.datastructures import Headers

from gateway.attachments import CONTENT_TYPE, safe_name
from gateway.config import Settings
from gateway.decoder import read_query
from gateway.encoder import to_json
from gateway.failures import AttachmentTooLarge, BadInput, BodyTooSlow, Busy
from gateway.gate import Gate, record_of, sign_in_of_request
from gateway.grants import ask_grant
from gateway.problem_docs import documented
from gateway.push.stream import Receive, Scope

PATH = "/api/v1/tickets/{ticketId}/attachments"
IS_UPLOAD = re.compile(r"/api/v1/tickets/[^/:]+/attachments")
PLACES = {"ticket_id": "{ticketId}", "file_name": "X-File-Name", "content_type": "Content-Type"}
# RFC 8187, for clients that have a name in the header made for it.
EXTENDED_NAME = re.compile(r"""filename\*\s*=\s*utf-8'[A-Za-z0-9-]*'([^\s;"]+)""", re.IGNORECASE)
MAX_NAME = 255
CHUNK = 64 * 1024
# Uploads of one attendant at a time; a page sends its files one or two at once.
MOST_OF_ONE = 3

PATHS: dict[str, Any] = {
    PATH: {
        "post": {
            "operationId": "uploadAttachment",
            "tags": ["MessageService"],
            "description": (
                "Stores a file to be named in a reply of the same attendant on the same ticket (attachmentIds) within "
                "a day, else it is forgotten. The body is the file itself, with its own Content-Type, at most 20 MiB, "
                "else ATTACHMENT_TOO_LARGE."
            ),
            "security": [{"bearer": []}, {"cookie": []}],
            "parameters": [
                {"name": "ticketId", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
                {
                    "name": "X-File-Name",
                    "in": "header",
                    "required": True,
                    "schema": {"type": "string", "pattern": "^[!-~]+$", "maxLength": 2000},
                    "description": (
                        "The name, percent-encoded UTF-8, at most 255 characters. Content-Disposition with filename* "
                        "(RFC 8187) does as well."
                    ),
                },
                {"$ref": "#/components/parameters/csrf"},
            ],
            "requestBody": {
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
                "required": True,
            },
            "responses": {
                "200": {
                    "description": "Stored.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Attachment"}}},
                },
            }
            | documented(400, 401, 403, 404, 408, 409, 413, 429, 431, 500, 503, 504),
        }
    }
}


class Body(Protocol):
    def read(self, size: int = -1) -> bytes: ...


def add_uploads(app: Flask, gate: Gate, settings: Settings) -> None:
    rule = "/api/v1/tickets/<segment:ticket_id>/attachments"
    view = upload(gate, Slots(settings.uploads), settings.upload_seconds)
    app.add_url_rule(rule, "UploadAttachment", view, methods=["POST"], provide_automatic_options=False)


class Slots:
    """An upload holds its thread for as long as its client takes: the others must find one all the same, and no
    attendant may have them all."""

    def __init__(self, most: int) -> None:
        self.free = most
        self.taken: Counter[str] = Counter()
        self.lock = threading.Lock()

    @contextmanager
    def one(self, attendant_id: str) -> Iterator[None]:
        with self.lock:
            if not self.free or self.taken[attendant_id] >= MOST_OF_ONE:
                raise Busy("Too many uploads at once; try again in a moment.")
            self.free -= 1
            self.taken[attendant_id] += 1
        try:
            yield
        finally:
            with self.lock:
                self.free += 1
                self.taken[attendant_id] -= 1
                self.taken += Counter()  # Drops those at zero.


def upload(gate: Gate, slots: Slots, seconds: float) -> Callable[[str], Response]:
    peer = gate.peers["mail"]
    stub = message_service_pb2_grpc.MessageServiceStub(peer.channel)

    def answer(ticket_id: str) -> Response:
        record_of(request).route = PATH
        attendant = sign_in_of_request(gate).attendant
        g.places = PLACES
        read_query(request.environ.get("QUERY_STRING", ""), message_service_pb2.UploadedFile(), [])
        file = message_service_pb2.UploadedFile(
            ticket_id=ticket_id, file_name=file_name(request.headers), content_type=content_type(request.headers)
        )
        grant = ask_grant(gate.peers["ticket"], attendant, ticket_id, access_pb2.GRANT_ACTION_REPLY)
        with slots.one(attendant.id):
            parts = parts_of(file, request.environ["wsgi.input"])
            stored = peer.send(stub.UploadAttachment, parts, attendant, grant, timeout=seconds + 30)
        return Response(to_json(stored.attachment), mimetype="application/json", headers={"Cache-Control": "no-store"})

    return answer


def parts_of(
    file: message_service_pb2.UploadedFile, body: Body
) -> Iterator[message_service_pb2.UploadAttachmentRequest]:
    yield message_service_pb2.UploadAttachmentRequest(file=file)
    while chunk := body.read(CHUNK):
        yield message_service_pb2.UploadAttachmentRequest(chunk=chunk)


def file_name(headers: Headers) -> str:
    given = headers.get("X-File-Name", "").strip()
    if not given:
        found = EXTENDED_NAME.search(headers.get("Content-Disposition", ""))
        given = found[1] if found else ""
    try:
        name = unquote(given.encode("ascii").decode(), errors="strict")
    except UnicodeError as error:
        raise BadInput("The name must be percent-encoded UTF-8.", "X-File-Name") from error
    if not name or len(name) > MAX_NAME:
        raise BadInput(f"A name of 1 to {MAX_NAME} characters is needed.", "X-File-Name")
    return safe_name(name)


def content_type(headers: Headers) -> str:
    """Without parameters; "" where the client knows none."""
    given = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given and not CONTENT_TYPE.fullmatch(given):
        raise BadInput("It must be a media type, e.g. application/pdf, or be left out.", "Content-Type")
    return given


# ---- on the event loop


def is_upload(scope: Scope) -> bool:
    return scope["method"] == "POST" and bool(IS_UPLOAD.fullmatch(scope["path"]))


def metered(receive: Receive, limit: int, idle_seconds: float, seconds: float) -> Receive:
    """The body as it comes, as long as it keeps to the limit and to the time; what is raised reaches its reader."""
    until = time.monotonic() + seconds
    received = 0

    async def next_part() -> Any:
        nonlocal received
        patience = max(0.0, min(idle_seconds, until - time.monotonic()))
        try:
            async with asyncio.timeout(patience):
                message = await receive()
        except TimeoutError as error:
            raise BodyTooSlow(f"The file did not come within {seconds:g} seconds, or paused too long.") from error
        if message["type"] == "http.disconnect":
            # Else the file would seem to end here.
            raise BadInput("The body ended too early.", "")
        received += len(message.get("body", b""))
        if received > limit:
            raise AttachmentTooLarge(f"A file may have {limit} bytes.")
        return message

    return next_part
