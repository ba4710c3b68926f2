"""One function per verb: load, decide, save. They take the connection of a transaction that somebody else commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from servicekit.errors import Stale
from servicekit.events.outbox import publish
from servicekit.ids import new_id
from servicekit.telemetry import current_traceparent, span
from ticket import events
from ticket.domain import protocols, verbs, visibility
from ticket.domain.verbs import Facts, Status, Verb
from ticket.domain.visibility import Viewer
from ticket.failures import AttendantInactive, TicketAlreadyStarted, TicketNotFound, TransitionNotAllowed
from ticket.storage import directory, tickets


def viewer(connection: Connection, organization_id: UUID, attendant_id: UUID) -> Viewer:
    found = directory.viewer(connection, organization_id, attendant_id)
    if found is None:
        raise AttendantInactive
    return found


def sees(who: Viewer, row: Row[Any]) -> bool:
    return visibility.sees(who, events.keys_of(row))


def read_ticket(connection: Connection, who: Viewer, ticket_id: UUID) -> Row[Any]:
    row = tickets.find(connection, who.organization_id, ticket_id)
    if row is None or not sees(who, row):
        raise TicketNotFound
    return row


def start_ticket(connection: Connection, who: Viewer, ticket_id: UUID, etag: str, now: datetime) -> Row[Any]:
    tickets.lock(connection, who.organization_id, ticket_id)
    before = tickets.find(connection, who.organization_id, ticket_id)
    if before is None:
        raise TicketNotFound
    if not sees(who, before):
        # In their own queue a member does not see what a colleague treats, but has just pressed on it: tell them who.
        lost = who.treats(before.level_id) and before.status == Status.STARTED
        raise TicketAlreadyStarted(before) if lost else TicketNotFound
    facts = tickets.facts_of(before)
    started = verbs.perform(Verb.START, facts, who)
    if started is None and facts.status is Status.STARTED and who.treats(before.level_id):
        raise TicketAlreadyStarted(before)
    if started is None:
        raise TransitionNotAllowed(Verb.START, before, verbs.allowed_verbs(facts, who))
    if etag and etag != etag_of(before):
        raise Stale("The ticket has changed since you read it.", {"etag": etag_of(before)})
    tickets.save(connection, ticket_id, started, now, counted=True)
    tickets.append(connection, [entry(before, "STARTED", facts, started, ("ATTENDANT", who.attendant_id), now)])
    after = read_ticket(connection, who, ticket_id)
    publish(connection, [(str(ticket_id), events.started(before, after))])
    return after


def etag_of(row: Row[Any]) -> str:
    return str(row.version)


def entry(
    before: Row[Any], kind: str, old: Facts, new: Facts, actor: tuple[str, UUID | None], at: datetime
) -> dict[str, Any]:
    """A counted entry of the history for a change of an existing ticket."""
    return {
        "id": new_id(),
        "ticket_id": before.id,
        "version": before.version + 1,
        "kind": kind,
        "counted": True,
        "at": at,
        "actor_kind": actor[0],
        "actor_id": actor[1],
        "changes": verbs.changes(old, new),
    }


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a ticket: the customer's first message, and the place its rule chose."""

    message_id: UUID
    organization_id: UUID
    conversation_id: UUID
    publisher_id: UUID | None
    publisher_name: str
    department_id: UUID
    level_id: UUID
    priority: str
    platform: str
    subject: str
    snippet: str
    occurred_at: datetime
    traceparent: str


# Enough for any burst: after three rounds by the clock, numbers are drawn from 760 million a day.
PROTOCOL_ATTEMPTS = 10
ATTEMPTS_BY_CLOCK = 3


def reserve_protocols(connection: Connection, openings: Sequence[Opening], now: datetime) -> dict[UUID, str]:
    """A number for each opening, by message id. For a short transaction of its own: no number waits for a ticket."""
    zones = directory.time_zones(connection, {opening.organization_id for opening in openings})
    # Each candidate names another millisecond, so that those of a batch are apart from the start.
    later_ms = count()
    given: dict[UUID, str] = {}
    for attempt in range(PROTOCOL_ATTEMPTS):
        if attempt == ATTEMPTS_BY_CLOCK:
            # Others have the milliseconds around here: a single opening may stand amid a batch of a hundred.
            later_ms = count(protocols.SPREAD_MS)
        missing = [opening for opening in openings if opening.message_id not in given]
        if not missing:
            break
        wanted = {protocols.candidate(now, zones[o.organization_id], next(later_ms)): o for o in missing}
        rows = [{"number": number, "organization_id": o.organization_id} for number, o in sorted(wanted.items())]
        taken = tickets.reserve_protocols(connection, rows)
        given.update({opening.message_id: number for number, opening in wanted.items() if number in taken})
    return given


def open_tickets(
    connection: Connection, openings: Sequence[Opening], numbers: Mapping[UUID, str], now: datetime
) -> None:
    """Opens what is not open yet: a message that opened a ticket, or whose conversation has a live one, adds none."""
    rows = [ticket_row(opening, numbers[opening.message_id], now) for opening in openings]
    publishers = {o.publisher_id: publisher_row(o.publisher_id, o) for o in openings if o.publisher_id}
    directory.add_publishers(connection, [publishers[publisher_id] for publisher_id in sorted(publishers)])
    inserted = tickets.insert_tickets(connection, rows)
    new = [row for row in rows if row["id"] in inserted]
    if not new:
        return
    tickets.append(connection, [opening_entry(row) for row in new])
    stored = tickets.opened_by(connection, [row["opening_message_id"] for row in new])
    openings_of = {opening.message_id: opening for opening in openings}
    traceparents = [continued(openings_of[message_id]) for message_id in stored]
    publish(connection, [(str(row.id), events.opened(row)) for row in stored.values()], traceparents)


def continued(opening: Opening) -> str:
    """The trace of this opening alone, marked here, since the call it came with belongs to the first of its batch."""
    with span("open_ticket", opening.traceparent, conversation=str(opening.conversation_id)):
        return current_traceparent()


def publisher_row(publisher_id: UUID, opening: Opening) -> dict[str, Any]:
    # Version 0: whatever the publisher's owner announces is newer.
    return {
        "id": publisher_id,
        "version": 0,
        "organization_id": opening.organization_id,
        "name": opening.publisher_name,
    }


def ticket_row(opening: Opening, protocol: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organization_id": opening.organization_id,
        "version": 1,
        "protocol": protocol,
        "subject": opening.subject,
        "snippet": opening.snippet,
        # Opened by the customer directly, hence open and not merely created.
        "status": Status.OPEN.value,
        "priority": opening.priority,
        "platform": opening.platform,
        "department_id": opening.department_id,
        "level_id": opening.level_id,
        "released": False,
        "publisher_id": opening.publisher_id,
        "conversation_id": opening.conversation_id,
        "opening_message_id": opening.message_id,
        "opened_by_kind": "CUSTOMER",
        "opened_by_id": opening.publisher_id,
        "occurred_at": opening.occurred_at,
        "opened_at": now,
        "last_activity_at": now,
        "interactions": 0,
    }


def opening_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """The first entry of the history. Not counted: the opening content is no interaction."""
    facts = Facts(Status(row["status"]), row["department_id"], row["level_id"], None, released=False)
    changes = [*verbs.changes(None, facts), {"field": "priority", "before": "", "after": row["priority"]}]
    return {
        "id": new_id(),
        "ticket_id": row["id"],
        "version": 1,
        "kind": "OPENED",
        "counted": False,
        "at": row["opened_at"],
        "actor_kind": row["opened_by_kind"],
        "actor_id": row["opened_by_id"],
        "changes": changes,
    }
