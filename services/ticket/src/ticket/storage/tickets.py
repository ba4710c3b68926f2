"""Tickets, their protocols and their history, one by one."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Computed,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from ticket.domain.facts import Facts, Priority, Status
from ticket.storage.directory import ATTENDANTS, DEPARTMENTS, LEVELS, PUBLISHERS
from ticket.storage.service_types import SERVICE_TYPES

ID = PgUUID(as_uuid=True)
TIME = DateTime(timezone=True)
METADATA = MetaData()

PROTOCOLS = Table(
    "protocols",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("organization_id", ID, nullable=False),
)
TICKETS = Table(
    "tickets",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("organization_id", ID, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("snippet", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("department_id", ID, nullable=False),
    Column("level_id", ID, nullable=False),
    Column("holder_id", ID),
    Column("released", Boolean, nullable=False),
    Column("publisher_id", ID),
    Column("conversation_id", ID, nullable=False),
    Column("opening_message_id", ID, nullable=False),
    Column("opened_by_kind", Text, nullable=False),
    Column("opened_by_id", ID),
    Column("occurred_at", TIME, nullable=False),
    Column("opened_at", TIME, nullable=False),
    Column("last_activity_at", TIME, nullable=False),
    Column("interactions", Integer, nullable=False),
    Column("awaiting_customer", Boolean, nullable=False),
    Column("awaiting_until", TIME),
    Column("new_message", Boolean, nullable=False),
    Column("service_type_id", ID),
    Column("data", JSONB, nullable=False),
    Column("last_message_id", ID),
    Column("previous_ticket_id", ID),
    Column("queue_key", Text, Computed("…", persisted=True)),
)
INTERACTIONS = Table(
    "interactions",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("ticket_id", ID, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("counted", Boolean, nullable=False),
    Column("at", TIME, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", ID),
    Column("changes", JSONB, nullable=False),
    Column("message_id", ID),
)
REPLIES = Table(
    "replies",
    METADATA,
    Column("message_id", ID, primary_key=True),
    Column("ticket_id", ID, nullable=False),
    Column("attendant_id", ID, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("delivery_state", Text, nullable=False),
    Column("delivery_version", BigInteger, nullable=False),
)
# Written into statements as they are: from a parameter the planner cannot tell that a partial index serves.
CLOSED: ColumnElement[str] = literal_column("'CLOSED'")
PENDING: ColumnElement[str] = literal_column("'PENDING'")
RECEIVED: ColumnElement[str] = literal_column("'MESSAGE_RECEIVED'")
# Written together, in one statement for any number of tickets.
SAVED = (
    "version bigint, status text, department_id uuid, level_id uuid, holder_id uuid, released boolean, "
    "awaiting_customer boolean, awaiting_until timestamptz, new_message boolean, priority text, service_type_id uuid, "
    "data jsonb, interactions int, last_activity_at timestamptz, last_message_id uuid, snippet text"
)
SAVED_COLUMNS = ("id", *(column.split()[0] for column in SAVED.split(", ")))
SETS = ", ".join(f"{name} = new.{name}" for name in SAVED_COLUMNS[1:])
SAVE = text(
    f"UPDATE tickets SET {SETS} "  # noqa: S608  # of constants
    f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new(id uuid, {SAVED}) WHERE tickets.id = new.id"
)


def facts_of(row: Row[Any]) -> Facts:
    return Facts(
        Status(row.status),
        row.department_id,
        row.level_id,
        row.holder_id,
        row.released,
        row.awaiting_customer,
        row.awaiting_until,
        row.new_message,
        Priority(row.priority),
        row.service_type_id,
        row.data,
    )


def columns_of(facts: Facts) -> dict[str, Any]:
    return {name.name: getattr(facts, name.name) for name in fields(facts)}


HOLDERS = ATTENDANTS.alias("holder")
# Tickets with the names of what others own. Made once, since putting it together takes as long as a short query.
NAMED: Select[Any] = (
    select(
        TICKETS,
        DEPARTMENTS.c.name.label("department_name"),
        LEVELS.c.name.label("level_name"),
        HOLDERS.c.name.label("holder_name"),
        PUBLISHERS.c.name.label("publisher_name"),
        SERVICE_TYPES.c.name.label("service_type_name"),
    )
    .outerjoin(DEPARTMENTS, DEPARTMENTS.c.id == TICKETS.c.department_id)
    .outerjoin(LEVELS, LEVELS.c.id == TICKETS.c.level_id)
    .outerjoin(HOLDERS, HOLDERS.c.id == TICKETS.c.holder_id)
    .outerjoin(PUBLISHERS, PUBLISHERS.c.id == TICKETS.c.publisher_id)
    .outerjoin(SERVICE_TYPES, SERVICE_TYPES.c.id == TICKETS.c.service_type_id)
)


def find(connection: Connection, organization_id: UUID, ticket_id: UUID) -> Row[Any] | None:
    query = NAMED.where(TICKETS.c.id == ticket_id, TICKETS.c.organization_id == organization_id)
    return connection.execute(query).first()


def every(connection: Connection) -> Iterator[Row[Any]]:
    """All of them, in the order in which they were opened."""
    yield from connection.execute(select(TICKETS).order_by(TICKETS.c.id))


def named(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    return {row.id: row for row in connection.execute(NAMED.where(TICKETS.c.id.in_(ids)))}


def lock(connection: Connection, organization_id: UUID, ticket_id: UUID) -> None:
    """Holds the ticket's row until the end of the transaction: whoever reads it afterwards reads what cannot change."""
    mine = (TICKETS.c.id == ticket_id) & (TICKETS.c.organization_id == organization_id)
    connection.execute(select(TICKETS.c.id).where(mine).with_for_update())


def lock_live(connection: Connection, conversation_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """The live tickets of conversations, by conversation, locked in one order so that nobody deadlocks."""
    live = TICKETS.c.conversation_id.in_(conversation_ids) & (TICKETS.c.status != CLOSED)
    query = select(TICKETS).where(live).order_by(TICKETS.c.conversation_id).with_for_update()
    return {row.conversation_id: row for row in connection.execute(query)}


def has_live(connection: Connection, conversation_id: UUID) -> bool:
    live = (TICKETS.c.conversation_id == conversation_id) & (TICKETS.c.status != CLOSED)
    return connection.scalar(select(TICKETS.c.id).where(live)) is not None


def lock_last_closed(connection: Connection, conversation_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """The ticket of each conversation that none continues yet, where it is closed.

    Not the one with the greatest id: ids are in the order of clocks, and clocks are set back.
    """
    later = TICKETS.alias("later")
    continued = select(later.c.id).where(later.c.previous_ticket_id == TICKETS.c.id).exists()
    last = TICKETS.c.conversation_id.in_(conversation_ids) & (TICKETS.c.status == CLOSED) & ~continued
    query = select(TICKETS).where(last).order_by(TICKETS.c.conversation_id).with_for_update()
    return {row.conversation_id: row for row in connection.execute(query)}


def lock_expired(
    connection: Connection, now: datetime, limit: int, without: Collection[UUID] = ()
) -> Sequence[Row[Any]]:
    """Tickets whose awaiting has run out, longest ago first; those somebody else is at are left to them."""
    due = (TICKETS.c.status == PENDING) & (TICKETS.c.awaiting_until <= now) & TICKETS.c.id.not_in(without)
    query = select(TICKETS).where(due).order_by(TICKETS.c.awaiting_until).limit(limit)
    return connection.execute(query.with_for_update(skip_locked=True)).all()


def save(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes what SAVED names of locked tickets, by id."""
    connection.execute(SAVE, {"rows": json.dumps([dict(row) for row in rows], default=str)})


def raise_versions(connection: Connection, ids: Collection[UUID]) -> list[Row[Any]]:
    """The tickets as they stand then."""
    statement = TICKETS.update().where(TICKETS.c.id.in_(ids)).values(version=TICKETS.c.version + 1)
    return list(connection.execute(statement.returning(TICKETS)))


def append(connection: Connection, entries: Sequence[dict[str, Any]]) -> None:
    """Adds entries to the history."""
    connection.execute(INTERACTIONS.insert(), list(entries))


def history(connection: Connection, ticket_id: UUID, after_version: int, limit: int) -> Sequence[Row[Any]]:
    query = (
        select(INTERACTIONS)
        .where(INTERACTIONS.c.ticket_id == ticket_id, INTERACTIONS.c.version > after_version)
        .order_by(INTERACTIONS.c.version)
        .limit(limit)
    )
    return connection.execute(query).all()


def insert_tickets(connection: Connection, rows: Sequence[dict[str, Any]]) -> set[UUID]:
    """Inserts what is new and gives its ids; an opening message or live conversation that is known adds nothing."""
    statement = insert(TICKETS).values(list(rows)).on_conflict_do_nothing().returning(TICKETS.c.id)
    return set(connection.scalars(statement))


def opened_by(connection: Connection, message_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """The tickets these messages opened."""
    query = select(TICKETS).where(TICKETS.c.opening_message_id.in_(message_ids))
    return {row.opening_message_id: row for row in connection.execute(query)}


def received_by(connection: Connection, message_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """The tickets that these messages of customers stand on, whether they opened them or came later."""
    appended = (
        select(TICKETS, INTERACTIONS.c.message_id)
        .join(INTERACTIONS, INTERACTIONS.c.ticket_id == TICKETS.c.id)
        .where(INTERACTIONS.c.kind == RECEIVED, INTERACTIONS.c.message_id.in_(message_ids))
    )
    later = {row.message_id: row for row in connection.execute(appended)}
    return later | opened_by(connection, message_ids)


def was_answered(connection: Connection, ticket_id: UUID) -> bool:
    """Whether any reply of it was ever released."""
    return bool(connection.scalar(select(REPLIES.c.message_id).where(REPLIES.c.ticket_id == ticket_id).limit(1)))


def links(connection: Connection, row: Row[Any]) -> list[Row[Any]]:
    """The tickets before and after one in its conversation."""
    near = (TICKETS.c.previous_ticket_id == row.id) | (TICKETS.c.id == row.previous_ticket_id)
    return list(connection.execute(select(TICKETS).where(near)))


def by_id(connection: Connection, ids: Collection[UUID]) -> list[Row[Any]]:
    return list(connection.execute(select(TICKETS).where(TICKETS.c.id.in_(ids)))) if ids else []


def add_reply(connection: Connection, reply: Mapping[str, Any]) -> bool:
    """False where the message was released before."""
    statement = insert(REPLIES).values(reply).on_conflict_do_nothing().returning(REPLIES.c.message_id)
    return connection.scalar(statement) is not None


def was_given(connection: Connection, ticket_id: UUID, attendant_id: UUID, request_id: str) -> bool:
    """Whether the attendant has replied on the ticket with this request id."""
    query = select(REPLIES.c.message_id).where(
        REPLIES.c.ticket_id == ticket_id,
        REPLIES.c.attendant_id == attendant_id,
        REPLIES.c.request_id == request_id,
    )
    return connection.scalar(query) is not None


def note_delivery(
    connection: Connection, ticket_id: UUID, message_id: UUID, state: str, version: int
) -> Literal["news", "known", "old"]:
    """Keeps what became of a reply; "known" also where it is no reply of this ticket. For who holds the ticket's lock.

    version: 0 where mail does not say; then it is taken as it comes.
    """
    of = (REPLIES.c.message_id == message_id) & (REPLIES.c.ticket_id == ticket_id)
    reply = connection.execute(select(REPLIES).where(of)).one_or_none()
    if reply is None:
        return "known"
    if 0 < version <= reply.delivery_version:
        return "known" if version == reply.delivery_version else "old"
    newest = max(version, reply.delivery_version)
    connection.execute(REPLIES.update().where(of).values(delivery_state=state, delivery_version=newest))
    return "news" if state != reply.delivery_state else "known"


def reserve_protocols(connection: Connection, wanted: Sequence[dict[str, Any]]) -> set[str]:
    """Takes the numbers that nobody has and gives them. Reserved once, a number is never given again."""
    # A crash may lose a reservation whose ticket was not committed either: the log is written in order, so a ticket
    # that survives implies its number does. Hence no wait for the disk here.
    connection.execute(text("SET LOCAL synchronous_commit = off"))
    statement = insert(PROTOCOLS).values(list(wanted)).on_conflict_do_nothing().returning(PROTOCOLS.c.number)
    return set(connection.scalars(statement))
