"""Conversations, their messages, and the messages' attachments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, func, select, tuple_

from mail.domain import Attachment, Conversation, Message
from mail.storage.tables import ATTACHMENTS, CONVERSATIONS, MESSAGES, values_of


def add(
    connection: Connection,
    conversations: Sequence[Conversation],
    messages: Sequence[Message],
    attachments: Sequence[Attachment],
) -> None:
    insert(connection, CONVERSATIONS, conversations)
    insert(connection, MESSAGES, messages)
    insert(connection, ATTACHMENTS, attachments)


def insert(connection: Connection, table: Table, rows: Sequence[Any]) -> None:
    if rows:
        connection.execute(table.insert(), values_of(rows))


def page(
    connection: Connection,
    conversations: Sequence[UUID],
    organization_id: UUID,
    after: tuple[datetime, UUID] | None,
    size: int,
    most_bytes: int,
) -> tuple[list[Message], bool]:
    """The next messages, oldest first, and whether there are more.

    Fewer than `size` where their bodies exceed `most_bytes`, but at least one.
    """
    of_organization = CONVERSATIONS.c.id.in_(conversations) & (CONVERSATIONS.c.organization_id == organization_id)
    position = (MESSAGES.c.received_at, MESSAGES.c.id)
    # The lengths of bodies are known without reading them; only what fits is then read.
    length = func.octet_length(MESSAGES.c.text) + func.octet_length(MESSAGES.c.html)
    found = (
        select(MESSAGES.c.id, length)
        .join(CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id)
        .where(of_organization)
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


def attachment(
    connection: Connection, attachment_id: UUID, conversations: Sequence[UUID], organization_id: UUID
) -> Attachment | None:
    """None also where it is of another conversation or organization."""
    query = (
        select(ATTACHMENTS)
        .join(MESSAGES, MESSAGES.c.id == ATTACHMENTS.c.message_id)
        .join(CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id)
        .where(
            ATTACHMENTS.c.id == attachment_id,
            CONVERSATIONS.c.id.in_(conversations),
            CONVERSATIONS.c.organization_id == organization_id,
        )
    )
    row = connection.execute(query).one_or_none()
    return Attachment(**row._mapping) if row else None
