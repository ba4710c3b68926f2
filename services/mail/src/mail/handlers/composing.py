"""A message as the mail that leaves. A reply is made once and kept, so that each attempt sends the same bytes."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from threading import Lock
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Row

from mail.domain import Account, Attachment, Message, file_key
from mail.files import Files
from mail.handlers.deliveries import account_of, reply_address
from mail.outgoing.acknowledgement import FIELDS
from mail.outgoing.compose import File, Mail, Mailbox, compose
from mail.outgoing.quote import Quoted, below_html, below_text
from mail.outgoing.recipients import sendable
from mail.storage import accounts, directory
from mail.storage import messages as stored
from servicekit.database import Database

# What is larger is composed one at a time: the standard library holds a mail about four times while it makes it.
LARGE = 1024 * 1024
COMPOSING_LARGE = Lock()


def composed(
    database: Database, files: Files, delivery: Row[Any], message: Message, organization_id: UUID
) -> tuple[bytes, str]:
    """The mail and the key of its file. No transaction waits for the store."""
    if delivery.file_key:
        return b"".join(files.chunks(delivery.file_key)), delivery.file_key
    with database.transaction() as connection:
        made = mail_of(connection, message, organization_id)
        attachments = stored.attachments_of(connection, [message.id])[message.id]
    with COMPOSING_LARGE if sum(one.size for one in attachments) > LARGE else nullcontext():
        content = compose(replace(made, files=[file_of(files, one) for one in attachments]))
    key = file_key(organization_id, sha256(content).hexdigest())
    files.put(key, content)
    return content, key


def file_of(files: Files, attachment: Attachment) -> File:
    return File(attachment.file_name, attachment.content_type, b"".join(files.chunks(attachment.file_key)))


def acknowledgements(connection: Connection, messages: Sequence[Message]) -> dict[UUID, Callable[[], Mail]]:
    """What makes each, by the message's id. They are not kept: that would cost more than to make them anew."""
    senders = accounts.by_ids(connection, {account_of(message) for message in messages})
    answered = stored.answered_ids(connection, [message.id for message in messages])
    return {
        message.id: partial(
            mail,
            message,
            senders[account_of(message)],
            *answered.get(message.id, ("", [])),
            text=message.text,
            html=message.html,
            fields=FIELDS,
        )
        for message in messages
    }


def mail_of(connection: Connection, message: Message, organization_id: UUID) -> Mail:
    """A reply without its files."""
    [account] = accounts.of_organization(connection, organization_id, [account_of(message)])
    answered = stored.get(connection, message.answers_id) if message.answers_id else None
    in_reply_to, references = stored.header_ids(connection, answered) if answered else ("", [])
    text, html = message.text, message.html
    if answered:
        text, html = with_history(connection, organization_id, message, answered)
    return mail(message, account, in_reply_to, references, text=text, html=html, fields={})


def mail(
    message: Message,
    account: Account,
    in_reply_to: str,
    references: Sequence[str],
    *,
    text: str,
    html: str,
    fields: dict[str, str],
) -> Mail:
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
        fields=fields,
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
