"""What was said, for those whom the ticket service has given a grant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from grpc import StatusCode
from sqlalchemy import Connection

from mail.domain import Attachment, Message
from mail.files import CHUNK, Files
from mail.parsing.markup import clean
from mail.storage import directory, messages
from mail.storage.messages import Scope
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


class MessageNotFound(Failure):
    code = StatusCode.NOT_FOUND
    reason = "MESSAGE_NOT_FOUND"


def granted(claims: Mapping[str, Any], ticket_id: str) -> Scope:
    """The claims of a verified grant, if they are for this ticket."""
    if claims.get("ticket") != ticket_id:
        raise NotAllowed("The grant is for another ticket.")
    conversations = [UUID(conversation) for conversation in claims["conversations"]]
    return Scope(UUID(claims["org"]), UUID(ticket_id), conversations, bool(claims.get("live")))


def list_messages(
    connection: Connection, what: Scope, after: Position | None, size: int
) -> tuple[list[tuple[Message, list[Attachment]]], Position | None]:
    """A page, and where the next one begins."""
    page, more = messages.page(connection, what, after, size or PAGE, PAGE_BYTES)
    attachments = messages.attachments_of(connection, [message.id for message in page])
    answers = [(safe(message, attachments[message.id]), attachments[message.id]) for message in page]
    return answers, (page[-1].received_at, page[-1].id) if more else None


def shown(connection: Connection, what: Scope, message_id: UUID) -> tuple[Message, list[Attachment]]:
    """One message as the list has it. Raises MessageNotFound."""
    message = find_message(connection, what, message_id)
    attachments = messages.attachments_of(connection, [message_id])[message_id]
    return safe(message, attachments), attachments


def find_message(connection: Connection, what: Scope, message_id: UUID) -> Message:
    found = messages.find(connection, message_id, what)
    if found is None:
        raise MessageNotFound("There is no such message in this ticket.")
    return found


def names_of_authors(connection: Connection, page: Sequence[Message]) -> dict[UUID, str]:
    return directory.names(connection, [message.author_id for message in page if message.author_id])


def safe(message: Message, attachments: Sequence[Attachment]) -> Message:
    """Cleaned once more, by the rules of today: what was stored was cleaned by those of its day."""
    ids = {attachment.content_id.lower(): attachment.content_id for attachment in attachments if attachment.content_id}
    html = clean(message.html[:BODY_CHARACTERS], ids) if message.html else ""
    cut = len(message.text) > BODY_CHARACTERS or len(message.html) > BODY_CHARACTERS
    warnings = (
        [*message.warnings, "BODY_TRUNCATED"] if cut and "BODY_TRUNCATED" not in message.warnings else message.warnings
    )
    text, new_text = message.text[:BODY_CHARACTERS], message.new_text[:BODY_CHARACTERS]
    return replace(message, text=text, new_text=new_text, html=html, warnings=warnings)


def find_attachment(connection: Connection, what: Scope, attachment_id: UUID) -> Attachment:
    found = messages.attachment(connection, attachment_id, what)
    if found is None:
        raise AttachmentNotFound("There is no such attachment in this ticket.")
    return found


def chunks(files: Files, attachment: Attachment) -> Iterator[bytes]:
    for piece in files.chunks(attachment.file_key):
        for start in range(0, len(piece), CHUNK):
            yield piece[start : start + CHUNK]
