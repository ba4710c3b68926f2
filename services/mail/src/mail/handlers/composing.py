"""A message as the mail that leaves. A reply is made once and kept, so that each attempt sends the same bytes."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Row

from mail.domain import ACKNOWLEDGEMENT, Attachment, Message, file_key
from mail.files import Files
from mail.handlers.deliveries import account_of, reply_address
from mail.outgoing.acknowledgement import FIELDS
from mail.outgoing.compose import File, Mail, Mailbox, compose
from mail.outgoing.quote import Quoted, below_html, below_text
from mail.outgoing.recipients import sendable
from mail.storage import accounts, directory
from mail.storage import messages as stored
from servicekit.database import Database


def composed(
    database: Database, files: Files, delivery: Row[Any], message: Message, organization_id: UUID
) -> tuple[bytes, str]:
    """The mail and the key of its file; of an acknowledgement none, since keeping it costs more than making it anew.

    No transaction waits for the store.
    """
    if delivery.file_key:
        return b"".join(files.chunks(delivery.file_key)), delivery.file_key
    with database.transaction() as connection:
        mail = mail_of(connection, message, organization_id)
        if delivery.kind == "ACKNOWLEDGEMENT":
            return compose(mail), ""
        attachments = stored.attachments_of(connection, [message.id])[message.id]
    content = compose(replace(mail, files=[file_of(files, one) for one in attachments]))
    key = file_key(organization_id, sha256(content).hexdigest())
    files.put(key, content)
    return content, key


def file_of(files: Files, attachment: Attachment) -> File:
    return File(attachment.file_name, attachment.content_type, b"".join(files.chunks(attachment.file_key)))


def mail_of(connection: Connection, message: Message, organization_id: UUID) -> Mail:
    """Without its files."""
    [account] = accounts.of_organization(connection, organization_id, [account_of(message)])
    answered = stored.get(connection, message.answers_id) if message.answers_id else None
    in_reply_to, references = stored.header_ids(connection, answered) if answered else ("", [])
    text, html = message.text, message.html
    automatic = message.automatic == ACKNOWLEDGEMENT
    if answered and not automatic:
        text, html = with_history(connection, organization_id, message, answered)
    return Mail(
        sender=Mailbox(message.sender_name, sendable(message.sender_email)),
        reply_to=reply_address(account, message),
        to=[Mailbox(**one) for one in message.to_addresses],
        cc=[Mailbox(**one) for one in message.cc_addresses],
        subject=message.subject,
        message_id=message.message_id_header,
        in_reply_to=in_reply_to,
        references=references,
        at=datetime.now(UTC),
        text=text,
        html=html,
        fields=FIELDS if automatic else {},
    )


def with_history(connection: Connection, organization_id: UUID, message: Message, answered: Message) -> tuple[str, str]:
    zone = time_zone(connection, organization_id)
    quoted = Quoted(answered.sender_name, answered.sender_email, answered.received_at, answered.text, answered.html)
    html = below_html(message.html, quoted, zone) if message.html else ""
    return below_text(message.text, quoted, zone), html


def time_zone(connection: Connection, organization_id: UUID) -> ZoneInfo:
    try:
        return ZoneInfo(directory.time_zone(connection, organization_id))
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(directory.DEFAULT_TIME_ZONE)
