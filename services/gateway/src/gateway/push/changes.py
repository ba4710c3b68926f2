"""Which events are pushed, and what of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from google.protobuf.message import Message
from guiche.routing.v1 import directory_events_pb2
from guiche.ticket.v1 import ticket_events_pb2


@dataclass(frozen=True, slots=True)
class TicketChange:
    """before, after: the audience keys of those who could see the ticket, and of those who can now."""

    ticket_id: str
    verb: str
    # Seconds since 1970; None where the event is not about a change of the ticket itself.
    at: float | None
    before: frozenset[str]
    after: frozenset[str]


@dataclass(frozen=True, slots=True)
class AudienceMoved:
    """What this attendant may see is different now."""

    attendant_id: str


Change = TicketChange | AudienceMoved
# What happened to a ticket, in the words of the routes where there is one for it.
VERBS: dict[type[Message], str] = {
    ticket_events_pb2.TicketOpened: "opened",
    ticket_events_pb2.TicketStarted: "started",
    ticket_events_pb2.TicketReplyReleased: "replied",
    ticket_events_pb2.TicketMessageAppended: "messageAppended",
    ticket_events_pb2.TicketAwaited: "awaited",
    ticket_events_pb2.TicketAwaitingExpired: "awaitingExpired",
    ticket_events_pb2.TicketReleased: "released",
    ticket_events_pb2.TicketFollowed: "followed",
    ticket_events_pb2.TicketStatusSet: "statusSet",
    ticket_events_pb2.TicketPrioritySet: "prioritySet",
    ticket_events_pb2.TicketServiceTypeSet: "serviceTypeSet",
    ticket_events_pb2.TicketConcluded: "concluded",
    ticket_events_pb2.TicketFinalized: "finalized",
    ticket_events_pb2.TicketReopened: "reopened",
    ticket_events_pb2.TicketDeliveryChanged: "deliveryChanged",
    ticket_events_pb2.TicketContinued: "continued",
}
# Told with the ticket as it has stood, perhaps for months: its last activity says nothing of when.
OF_STANDING = (ticket_events_pb2.TicketDeliveryChanged, ticket_events_pb2.TicketContinued)


def read_ticket(event_type: type[Message], verb: str, payload: bytes) -> Change:
    # Every event of a ticket brings its state and its audience.
    event: Any = event_type.FromString(payload)
    at, audience = event.ticket.last_activity_at, event.audience
    seconds = None if event_type in OF_STANDING else at.seconds + at.nanos / 1e9
    return TicketChange(event.ticket.id, verb, seconds, frozenset(audience.before), frozenset(audience.after))


def read_attendant(payload: bytes) -> Change:
    return AudienceMoved(directory_events_pb2.AttendantChanged.FromString(payload).id)


def name_of(event: type[Message]) -> str:
    return event.DESCRIPTOR.full_name


READERS: dict[str, Callable[[bytes], Change]] = {
    **{name_of(event): partial(read_ticket, event, verb) for event, verb in VERBS.items()},
    name_of(directory_events_pb2.AttendantChanged): read_attendant,
}
