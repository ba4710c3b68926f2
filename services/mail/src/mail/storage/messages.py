"""Conversations, their messages, and the messages' attachments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, func, select, tuple_

from mail.domain import ACKNOWLEDGEMENT, Attachment, Conversation, Message
from mail.storage.tables import ATTACHMENTS, CONVERSATIONS, MESSAGES, RAW_MAILS, values_of

# Of one statement, unless a single message has more: it is held in memory as a whole, and has seconds.
MOST_CHARACTERS = 8_000_000


def add(
    connection: Connection,
    conversations: Sequence[Conversation],
    messages: Sequence[Message],
    attachments: Sequence[Attachment],
) -> None:
    insert(connection, CONVERSATIONS, conversations)
    for some in pieces(messages):
        insert(connection, MESSAGES, some)
    insert(connection, ATTACHMENTS, attachments)


def pieces(messages: Sequence[Message]) -> Iterator[list[Message]]:
    some: list[Message] = []
    left = MOST_CHARACTERS
    for message in messages:
        characters = len(message.text) + len(message.html) + len(message.new_text)
        if some and characters > left:
            yield some
            some, left = [], MOST_CHARACTERS
        some.append(message)
        left -= characters
    yield some


def insert(connection: Connection, table: Table, rows: Sequence[Any]) -> None:
    if rows:
        connection.execute(table.insert(), values_of(rows))


@dataclass(frozen=True, slots=True)
class Scope:
    """What a grant opens: the messages of one ticket in its conversations; while it lives, also those that have arrived
    there and belong to no ticket yet."""

    organization_id: UUID
    ticket_id: UUID
    conversations: Sequence[UUID]
    live: bool


def within(scope: Scope) -> ColumnElement[bool]:
    """Of messages joined with their conversations. What nobody has released was not said."""
    conversation = CONVERSATIONS.c.id.in_(scope.conversations)
    organization = CONVERSATIONS.c.organization_id == scope.organization_id
    ticket = MESSAGES.c.ticket_id == scope.ticket_id
    if scope.live:
        ticket |= MESSAGES.c.ticket_id.is_(None)
    said = MESSAGES.c.delivery_state.is_(None) | (MESSAGES.c.delivery_state != "DRAFT")
    return conversation & organization & ticket & said


def page(
    connection: Connection, scope: Scope, after: tuple[datetime, UUID] | None, size: int, most_bytes: int
) -> tuple[list[Message], bool]:
    """The next messages, oldest first, and whether there are more.

    Fewer than `size` where their bodies exceed `most_bytes`, but at least one.
    """
    position = (MESSAGES.c.received_at, MESSAGES.c.id)
    # The lengths of bodies are known without reading them; only what fits is then read.
    text, new_text, html = (func.octet_length(MESSAGES.c[name]) for name in ("text", "new_text", "html"))
    found = (
        select(MESSAGES.c.id, text + new_text + html)
        .join(CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id)
        .where(within(scope))
        .order_by(*position)
        .limit(size + 1)
    )
    if after is not None:
        found = found.where(tuple_(*position) > after)
    lengths = [(message_id, bytes_) for message_id, bytes_ in connection.execute(found)]
    ids = fitting(lengths[:size], most_bytes)
    rows = connection.execute(select(MESSAGES).where(MESSAGES.c.id.in_(ids)).order_by(*position))
    return [Message(**row._mapping) for row in rows], len(lengths) > len(ids)


def fitting(lengths: Sequence[tuple[UUID, int]], most_bytes: int) -> list[UUID]:
    ids: list[UUID] = []
    for message_id, length in lengths:
        most_bytes -= length
        if ids and most_bytes < 0:
            break
        ids.append(message_id)
    return ids


def attachments_of(connection: Connection, messages: Sequence[UUID]) -> dict[UUID, list[Attachment]]:
    """By message, in the order in which they stand in the mail."""
    query = select(ATTACHMENTS).where(ATTACHMENTS.c.message_id.in_(messages)).order_by(ATTACHMENTS.c.position)
    found: dict[UUID, list[Attachment]] = {message_id: [] for message_id in messages}
    for row in connection.execute(query):
        found[row.message_id].append(Attachment(**row._mapping))
    return found


def attachment(connection: Connection, attachment_id: UUID, scope: Scope) -> Attachment | None:
    """None also where it is of another ticket, conversation or organization."""
    query = (
        select(ATTACHMENTS)
        .join(MESSAGES, MESSAGES.c.id == ATTACHMENTS.c.message_id)
        .join(CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id)
        .where(ATTACHMENTS.c.id == attachment_id, within(scope))
    )
    row = connection.execute(query).one_or_none()
    return Attachment(**row._mapping) if row else None


def find(connection: Connection, message_id: UUID, scope: Scope) -> Message | None:
    query = select(MESSAGES).join(CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id)
    row = connection.execute(query.where(MESSAGES.c.id == message_id, within(scope))).one_or_none()
    return Message(**row._mapping) if row else None


def newest_from_a_person(connection: Connection, scope: Scope) -> Message | None:
    """The one an answer answers: the latest that arrived, but for what machines sent."""
    query = (
        select(MESSAGES)
        .join(CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id)
        .where(within(scope), MESSAGES.c.direction == "IN", MESSAGES.c.automatic.not_in(("bounce", "auto-submitted")))
        .order_by(MESSAGES.c.received_at.desc(), MESSAGES.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return Message(**row._mapping) if row else None


def get(connection: Connection, message_id: UUID) -> Message | None:
    row = connection.execute(select(MESSAGES).where(MESSAGES.c.id == message_id)).one_or_none()
    return Message(**row._mapping) if row else None


def header_ids(connection: Connection, message: Message) -> tuple[str, list[str]]:
    """The Message-ID of one that arrived, and the ids its References and In-Reply-To name; all without <>."""
    query = select(RAW_MAILS.c.message_id, RAW_MAILS.c.reference_ids).where(RAW_MAILS.c.id == message.raw_mail_id)
    row = connection.execute(query).one_or_none()
    return (message.message_id_header or row.message_id, row.reference_ids) if row else (message.message_id_header, [])


def answered_ids(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, tuple[str, list[str]]]:
    """As header_ids(), of the mails that these messages answer; by the answer's id."""
    answered = MESSAGES.alias("answered")
    query = (
        select(MESSAGES.c.id, answered.c.message_id_header, RAW_MAILS.c.message_id, RAW_MAILS.c.reference_ids)
        .join(answered, answered.c.id == MESSAGES.c.answers_id)
        .join(RAW_MAILS, RAW_MAILS.c.id == answered.c.raw_mail_id)
        .where(MESSAGES.c.id.in_(ids))
    )
    found = connection.execute(query)
    return {row.id: (row.message_id_header or row.message_id, row.reference_ids) for row in found}


@dataclass(frozen=True, slots=True)
class OpeningMessage:
    message: Message
    # Of the mailbox it came to.
    account_id: UUID
    # '': the null sender.
    envelope_sender: str


def opening_message(connection: Connection, message_id: UUID, conversation_id: UUID) -> OpeningMessage | None:
    query = (
        select(MESSAGES, RAW_MAILS.c.account_id.label("mailbox_id"), RAW_MAILS.c.sender.label("envelope_sender"))
        .join(RAW_MAILS, RAW_MAILS.c.id == MESSAGES.c.raw_mail_id)
        .where(MESSAGES.c.id == message_id, MESSAGES.c.conversation_id == conversation_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    values = dict(row._mapping)
    mailbox_id, sender = values.pop("mailbox_id"), values.pop("envelope_sender")
    return OpeningMessage(Message(**values), mailbox_id, sender)


def acknowledged(connection: Connection, ticket_id: UUID) -> bool:
    mine = (MESSAGES.c.ticket_id == ticket_id) & (MESSAGES.c.automatic == ACKNOWLEDGEMENT)
    return connection.execute(select(MESSAGES.c.id).where(mine)).first() is not None


def conversation(connection: Connection, conversation_id: UUID, organization_id: UUID) -> Conversation | None:
    columns = (CONVERSATIONS.c.id, CONVERSATIONS.c.account_id, CONVERSATIONS.c.organization_id)
    mine = (CONVERSATIONS.c.id == conversation_id) & (CONVERSATIONS.c.organization_id == organization_id)
    row = connection.execute(select(*columns).where(mine)).one_or_none()
    return Conversation(**row._mapping) if row else None
