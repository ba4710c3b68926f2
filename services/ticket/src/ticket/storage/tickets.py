"""Tickets, their protocols and their history, one by one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from ticket.domain.verbs import Facts, Status
from ticket.storage.directory import ATTENDANTS, DEPARTMENTS, LEVELS, PUBLISHERS

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
)


def facts_of(row: Row[Any]) -> Facts:
    return Facts(Status(row.status), row.department_id, row.level_id, row.holder_id, row.released)


def named_tickets() -> Select[Any]:
    """Tickets with the names of what others own."""
    holder = ATTENDANTS.alias("holder")
    return (
        select(
            TICKETS,
            DEPARTMENTS.c.name.label("department_name"),
            LEVELS.c.name.label("level_name"),
            holder.c.name.label("holder_name"),
            PUBLISHERS.c.name.label("publisher_name"),
        )
        .outerjoin(DEPARTMENTS, DEPARTMENTS.c.id == TICKETS.c.department_id)
        .outerjoin(LEVELS, LEVELS.c.id == TICKETS.c.level_id)
        .outerjoin(holder, holder.c.id == TICKETS.c.holder_id)
        .outerjoin(PUBLISHERS, PUBLISHERS.c.id == TICKETS.c.publisher_id)
    )


def find(connection: Connection, organization_id: UUID, ticket_id: UUID) -> Row[Any] | None:
    query = named_tickets().where(TICKETS.c.id == ticket_id, TICKETS.c.organization_id == organization_id)
    return connection.execute(query).first()


def lock(connection: Connection, organization_id: UUID, ticket_id: UUID) -> None:
    """Holds the ticket's row until the end of the transaction: whoever reads it afterwards reads what cannot change."""
    mine = (TICKETS.c.id == ticket_id) & (TICKETS.c.organization_id == organization_id)
    connection.execute(select(TICKETS.c.id).where(mine).with_for_update())


def save(connection: Connection, ticket_id: UUID, facts: Facts, at: datetime, *, counted: bool) -> None:
    """Writes changed facts as the ticket's next version. The caller holds the lock."""
    connection.execute(
        TICKETS.update()
        .where(TICKETS.c.id == ticket_id)
        .values(
            status=facts.status.value,
            department_id=facts.department_id,
            level_id=facts.level_id,
            holder_id=facts.holder_id,
            released=facts.released,
            version=TICKETS.c.version + 1,
            interactions=TICKETS.c.interactions + int(counted),
            last_activity_at=at,
        )
    )


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


def opened_by(connection: Connection, message_ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    """The tickets these messages opened."""
    query = select(TICKETS).where(TICKETS.c.opening_message_id.in_(message_ids))
    return {row.opening_message_id: row for row in connection.execute(query)}


def live_of_conversations(connection: Connection, conversation_ids: Sequence[UUID]) -> dict[UUID, Row[Any]]:
    query = select(TICKETS).where(TICKETS.c.conversation_id.in_(conversation_ids), TICKETS.c.status != Status.CLOSED)
    return {row.conversation_id: row for row in connection.execute(query)}


def reserve_protocols(connection: Connection, wanted: Sequence[dict[str, Any]]) -> set[str]:
    """Takes the numbers that nobody has and gives them. Reserved once, a number is never given again."""
    # A crash may lose a reservation whose ticket was not committed either: the log is written in order, so a ticket
    # that survives implies its number does. Hence no wait for the disk here.
    connection.execute(text("SET LOCAL synchronous_commit = off"))
    statement = insert(PROTOCOLS).values(list(wanted)).on_conflict_do_nothing().returning(PROTOCOLS.c.number)
    return set(connection.scalars(statement))
