"""Opening tickets: once per message, one live ticket per conversation, each with a protocol that nobody else has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from servicekit.events.outbox import publish
from servicekit.ids import new_id
from ticket import events
from ticket.domain import facts, protocols, verbs
from ticket.domain.facts import Priority
from ticket.domain.verbs import Verb
from ticket.handlers.messages import Written, add_publishers, append, continued
from ticket.storage import directory, tickets

# Enough for any burst: after three rounds by the clock, numbers are drawn from 760 million a day.
PROTOCOL_ATTEMPTS = 10
ATTEMPTS_BY_CLOCK = 3
# A conversation's live ticket may be closed while its next message is on the way to it, or opened by another batch.
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a ticket: the customer's message, and the place its rule chose."""

    message: Written
    department_id: UUID
    level_id: UUID
    priority: Priority
    platform: str
    subject: str
    occurred_at: datetime


def reserve_protocols(connection: Connection, openings: Sequence[Opening], now: datetime) -> dict[UUID, str]:
    """A number for each opening, by message id. For a short transaction of its own: no number waits for a ticket."""
    messages = [opening.message for opening in openings]
    zones = directory.time_zones(connection, {message.organization_id for message in messages})
    # Each candidate names another millisecond, so that those of a batch are apart from the start.
    later_ms = count()
    given: dict[UUID, str] = {}
    for attempt in range(PROTOCOL_ATTEMPTS):
        if attempt == ATTEMPTS_BY_CLOCK:
            # Others have the milliseconds around here: a single opening may stand amid a batch of a hundred.
            later_ms = count(protocols.SPREAD_MS)
        missing = [message for message in messages if message.message_id not in given]
        if not missing:
            break
        wanted = {protocols.candidate(now, zones[m.organization_id], next(later_ms)): m for m in missing}
        rows = [{"number": number, "organization_id": m.organization_id} for number, m in sorted(wanted.items())]
        taken = tickets.reserve_protocols(connection, rows)
        given.update({message.message_id: number for number, message in wanted.items() if number in taken})
    return given


def open_tickets(
    connection: Connection, openings: Sequence[Opening], numbers: Mapping[UUID, str], now: datetime
) -> dict[UUID, Row[Any]]:
    """The ticket of each message, by its id: the one it stands on, its conversation's live one, or a new one."""
    add_publishers(connection, [opening.message for opening in openings])
    found: dict[UUID, Row[Any]] = {}
    for _ in range(ROUNDS):
        missing = [opening for opening in openings if opening.message.message_id not in found]
        found |= append(connection, [opening.message for opening in missing], now)
        new = [opening for opening in missing if opening.message.message_id not in found]
        if not new:
            break
        found |= insert(connection, new, numbers, now)
    return found


def insert(
    connection: Connection, openings: Sequence[Opening], numbers: Mapping[UUID, str], now: datetime
) -> dict[UUID, Row[Any]]:
    """New tickets by message id. What another transaction, or an opening before it, has opened is missing."""
    continues = tickets.lock_last_closed(connection, {opening.message.conversation_id for opening in openings})
    rows = [
        ticket_row(o, numbers[o.message.message_id], continues.get(o.message.conversation_id), now) for o in openings
    ]
    inserted = tickets.insert_tickets(connection, rows)
    new = {row["opening_message_id"]: row for row in rows if row["id"] in inserted}
    if not new:
        return {}
    follows = {row["previous_ticket_id"]: row for row in new.values() if row["previous_ticket_id"]}
    closed = tickets.raise_versions(connection, follows.keys())
    entries = [continued_entry(row, follows[row.id]) for row in closed]
    tickets.append(connection, [opening_entry(row) for row in new.values()] + entries)
    stored = tickets.opened_by(connection, list(new))
    traces = {
        o.message.message_id: continued("open_ticket", o.message.traceparent, o.message.conversation_id)
        for o in openings
        if o.message.message_id in new
    }
    told = [(str(row.id), events.event(Verb.OPEN, None, row, message_id)) for message_id, row in stored.items()]
    told += [(str(row.id), events.event(Verb.CONTINUE, row, row, None)) for row in closed]
    opening_messages = [*stored, *(follows[row.id]["opening_message_id"] for row in closed)]
    publish(connection, told, [traces[message_id] for message_id in opening_messages])
    return stored


def ticket_row(opening: Opening, protocol: str, continues: Row[Any] | None, now: datetime) -> dict[str, Any]:
    message = opening.message
    return {
        **tickets.columns_of(verbs.opened(opening.department_id, opening.level_id, opening.priority)),
        "id": new_id(),
        "organization_id": message.organization_id,
        "version": 1,
        "protocol": protocol,
        "subject": opening.subject,
        "snippet": message.snippet,
        "platform": opening.platform,
        "publisher_id": message.publisher_id,
        "conversation_id": message.conversation_id,
        "opening_message_id": message.message_id,
        "last_message_id": message.message_id,
        "opened_by_kind": "CUSTOMER",
        "opened_by_id": message.publisher_id,
        "occurred_at": opening.occurred_at,
        "opened_at": now,
        "last_activity_at": now,
        "interactions": 0,
        "previous_ticket_id": continues.id if continues is not None else None,
    }


def opening_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """The first entry of the history. Not counted: the opening content is no interaction."""
    opened = verbs.opened(row["department_id"], row["level_id"], row["priority"])
    return {**first_entry(row, Verb.OPEN), "ticket_id": row["id"], "version": 1, "changes": facts.changes(None, opened)}


def continued_entry(closed: Row[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """In the history of the ticket that went before; closed: as it stands with this entry."""
    changes = [{"field": facts.NEXT, "before": "", "after": str(row["id"])}]
    entry = first_entry(row, Verb.CONTINUE)
    return {**entry, "ticket_id": closed.id, "version": closed.version, "changes": changes}


def first_entry(row: Mapping[str, Any], verb: Verb) -> dict[str, Any]:
    return {
        "id": new_id(),
        "kind": verbs.KINDS[verb],
        "counted": verbs.COUNTED[verb],
        "at": row["opened_at"],
        "actor_kind": row["opened_by_kind"],
        "actor_id": row["opened_by_id"],
        "message_id": None,
    }
