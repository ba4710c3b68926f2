"""What was said, for those whom the ticket service has given a grant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from grpc import StatusCode
from sqlalchemy import Connection

from mail.domain import Attachment, Message
from mail.files import CHUNK, Files
from mail.parsing.markup import clean
from mail.storage import messages
from servicekit.errors import Failure, NotAllowed

PAGE = 20
# Bytes of bodies on a page; one message may exceed it, and is still far below the 16 MiB of a gRPC message.
PAGE_BYTES = 4 * 1024 * 1024
# Characters of a text or HTML that is shown; far more than anybody reads, and within one gRPC message in any script.
BODY_CHARACTERS = 1_000_000

Position = tuple[datetime, UUID]


class AttachmentNotFound(Failure):
    code = StatusCode.NOT_FOUND
    reason = "ATTACHMENT_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Granted:
    """What a grant opens: conversations of one organization."""

    organization_id: UUID
    conversations: Sequence[UUID]


def granted(claims: Mapping[str, Any], ticket_id: str) -> Granted:
    """The claims of a verified grant, if they are for this ticket."""
    if claims.get("ticket") != ticket_id:
        raise NotAllowed("The grant is for another ticket.")
    return Granted(UUID(claims["org"]), [UUID(conversation) for conversation in claims["conversations"]])


def list_messages(
    connection: Connection, what: Granted, after: Position | None, size: int
) -> tuple[list[tuple[Message, list[Attachment]]], Position | None]:
    """A page, and where the next one begins."""
    page, more = messages.page(connection, what.conversations, what.organization_id, after, size or PAGE, PAGE_BYTES)
    attachments = messages.attachments_of(connection, [message.id for message in page])
    shown = [(safe(message, attachments[message.id]), attachments[message.id]) for message in page]
    return shown, (page[-1].received_at, page[-1].id) if more else None


def safe(message: Message, attachments: Sequence[Attachment]) -> Message:
    """Cleaned once more, by the rules of today: what was stored was cleaned by those of its day."""
    ids = {attachment.content_id.lower(): attachment.content_id for attachment in attachments if attachment.content_id}
    html = clean(message.html[:BODY_CHARACTERS], ids) if message.html else ""
    cut = len(message.text) > BODY_CHARACTERS or len(message.html) > BODY_CHARACTERS
    warnings = (
        [*message.warnings, "BODY_TRUNCATED"] if cut and "BODY_TRUNCATED" not in message.warnings else message.warnings
    )
    return replace(message, text=message.text[:BODY_CHARACTERS], html=html, warnings=warnings)


def find_attachment(connection: Connection, what: Granted, attachment_id: UUID) -> Attachment:
    found = messages.attachment(connection, attachment_id, what.conversations, what.organization_id)
    if found is None:
        raise AttachmentNotFound("There is no such attachment in this ticket.")
    return found


def chunks(files: Files, attachment: Attachment) -> Iterator[bytes]:
    for piece in files.chunks(attachment.file_key):
        for start in range(0, len(piece), CHUNK):
            yield piece[start : start + CHUNK]
