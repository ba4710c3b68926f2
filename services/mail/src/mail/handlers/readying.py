"""One raw mail made ready for the database: parsed, its files durable. Nothing here is decided by other mails."""

from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from mail.domain import MACHINES, Attachment, Message, file_key
from mail.files import Files
from mail.parsing.model import Address, ParsedMail, Report
from mail.parsing.model import Attachment as ParsedAttachment
from mail.signs import Signs, signs_of
from servicekit.ids import new_id
from servicekit.telemetry import current_traceparent

# Before it has one.
NO_CONVERSATION = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Readied:
    """message: as far as it is known without other mails."""

    raw: Row[Any]
    message: Message
    attachments: list[Attachment]
    signs: Signs
    report: Report
    traceparent: str


def readied(files: Files, secret: bytes, raw: Row[Any], parsed: ParsedMail) -> Readied:
    kind = automatic(raw, parsed)
    message = Message(
        id=new_id(),
        conversation_id=NO_CONVERSATION,
        raw_mail_id=raw.id,
        direction="IN",
        sender_name=parsed.sender.name,
        sender_email=parsed.sender.email,
        to_addresses=[written(address) for address in parsed.to],
        cc_addresses=[written(address) for address in parsed.cc],
        subject=parsed.subject,
        text=parsed.text,
        new_text=parsed.new_text,
        html=parsed.html,
        snippet=parsed.snippet,
        received_at=raw.received_at,
        date=parsed.date,
        warnings=list(parsed.warnings),
        automatic=kind,
        message_id_header=parsed.message_id,
        reply_to_email=next((address.email for address in parsed.reply_to if address.email), ""),
    )
    attachments = [
        kept_attachment(files, raw.organization_id, message.id, position, attachment)
        for position, attachment in enumerate(parsed.attachments)
    ]
    signs = signs_of(secret, raw.recipient, parsed, machine=kind in MACHINES)
    return Readied(raw, message, attachments, signs, parsed.report, current_traceparent())


def automatic(raw: Row[Any], parsed: ParsedMail) -> str:
    """The null sender is kept for notifications (RFC 5321, 4.5.5), whatever the mail says of itself.

    Among those, what calls itself bulk is a holiday answer of old (RFC 3834, 3.1.8): reports do not.
    """
    if raw.sender or parsed.automatic in MACHINES:
        return parsed.automatic
    return "auto-submitted" if parsed.automatic in ("bulk", "list") else "bounce"


def written(address: Address) -> dict[str, str]:
    return {"name": address.name, "email": address.email}


def kept_attachment(
    files: Files, organization_id: UUID, message_id: UUID, position: int, parsed: ParsedAttachment
) -> Attachment:
    """Durable. Its hash is taken here: the parser's word for it would let a hostile mail claim another's file."""
    path = Path(parsed.path)
    with path.open("rb") as content:
        sha256 = file_digest(content, "sha256").hexdigest()
    key = file_key(organization_id, sha256)
    files.put_file(key, path)
    return Attachment(
        id=new_id(),
        message_id=message_id,
        position=position,
        file_name=parsed.file_name,
        content_type=parsed.content_type,
        size=path.stat().st_size,
        sha256=sha256,
        file_key=key,
        content_id=parsed.content_id,
        inline=parsed.inline,
    )
