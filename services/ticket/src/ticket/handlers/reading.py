"""What an attendant may see and read."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from ticket import events
from ticket.domain import verbs, visibility
from ticket.domain.facts import Status
from ticket.domain.verbs import Verb
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


def read_for(connection: Connection, who: Viewer, ticket_id: UUID, verb: Verb) -> Row[Any]:
    """The ticket on which an attendant wants to use a verb; refused where they may not."""
    row = tickets.find(connection, who.organization_id, ticket_id)
    if row is None:
        raise TicketNotFound
    contested = verb in verbs.CONTESTED and row.status == Status.STARTED and who.treats(row.level_id)
    if not sees(who, row):
        # In their own queue a member does not see what a colleague treats, but has just pressed on it: tell them who.
        raise TicketAlreadyStarted(row) if contested else TicketNotFound
    allowed = verbs.allowed_verbs(tickets.facts_of(row), who)
    if verb in allowed:
        return row
    late = contested and (verb is Verb.START or row.holder_id != who.attendant_id)
    raise TicketAlreadyStarted(row) if late else TransitionNotAllowed(verb, row, allowed)


def etag_of(row: Row[Any]) -> str:
    return str(row.version)
