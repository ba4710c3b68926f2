"""What ticket and routing have announced, as far as mail needs it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert

from mail.domain import Ticket
from mail.storage.tables import ATTENDANTS, DEPARTMENTS, LEVELS, MESSAGES, ORGANIZATIONS, TICKETS

# Of an organization that is not known yet.
DEFAULT_TIME_ZONE = "America/Sao_Paulo"


def keep_newest(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Takes an announced state unless a newer one is known: events may come twice and out of order."""
    statement = insert(table).values(row)
    changed = {name: statement.excluded[name] for name in row if name != "id"}
    newer = table.c.version < statement.excluded.version
    connection.execute(statement.on_conflict_do_update(index_elements=[table.c.id], set_=changed, where=newer))


def keep_ticket(connection: Connection, ticket: Ticket) -> None:
    """As keep_newest(); only the event of its opening tells which message opened it, whenever that comes."""
    row = {name: getattr(ticket, name) for name in ticket.__slots__}
    statement = insert(TICKETS).values(row)
    changed = {
        "version": func.greatest(TICKETS.c.version, statement.excluded.version),
        "opening_message_id": func.coalesce(TICKETS.c.opening_message_id, statement.excluded.opening_message_id),
    }
    connection.execute(statement.on_conflict_do_update(index_elements=[TICKETS.c.id], set_=changed))


def ticket(connection: Connection, ticket_id: UUID) -> Ticket | None:
    row = connection.execute(select(TICKETS).where(TICKETS.c.id == ticket_id)).one_or_none()
    return Ticket(**row._mapping) if row else None


def protocols(connection: Connection, ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    query = select(TICKETS.c.id, TICKETS.c.protocol).where(TICKETS.c.id.in_({one for one in ids if one}))
    return {row.id: row.protocol for row in connection.execute(query)}


def give_message(connection: Connection, message_id: UUID, ticket: Ticket) -> None:
    """A message that arrived belongs to one ticket, with what machines answered to it: the first that says so.

    Two statements, for only the second sees an answer whose ingestion the first one has waited for.
    """
    free = (MESSAGES.c.ticket_id.is_(None)) & (MESSAGES.c.direction == "IN")
    for mine in (MESSAGES.c.id == message_id, MESSAGES.c.answers_id == message_id):
        within = MESSAGES.c.conversation_id == ticket.conversation_id
        connection.execute(update(MESSAGES).where(mine, within, free).values(ticket_id=ticket.id))


def acknowledgement(connection: Connection, department_id: UUID, organization_id: UUID) -> str:
    """The department's own words; '' where it has none."""
    mine = (DEPARTMENTS.c.id == department_id) & (DEPARTMENTS.c.organization_id == organization_id)
    return connection.scalar(select(DEPARTMENTS.c.acknowledgement).where(mine)) or ""


def accounts_of_level(connection: Connection, level_id: UUID, organization_id: UUID) -> Sequence[UUID]:
    mine = (LEVELS.c.id == level_id) & (LEVELS.c.organization_id == organization_id)
    return connection.scalar(select(LEVELS.c.account_ids).where(mine)) or []


def names(connection: Connection, attendant_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Of attendants that are known."""
    query = select(ATTENDANTS.c.id, ATTENDANTS.c.name).where(ATTENDANTS.c.id.in_(set(attendant_ids)))
    return {row.id: row.name for row in connection.execute(query)}


def time_zone(connection: Connection, organization_id: UUID) -> str:
    """IANA name."""
    query = select(ORGANIZATIONS.c.time_zone).where(ORGANIZATIONS.c.id == organization_id)
    return connection.scalar(query) or DEFAULT_TIME_ZONE
