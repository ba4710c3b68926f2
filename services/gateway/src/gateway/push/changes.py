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
# Every event of a ticket brings its state and its audience; what lacks an audience is for whoever keeps a copy.
EVENTS: tuple[type[Message], ...] = tuple(
    getattr(ticket_events_pb2, name)
    for name, described in ticket_events_pb2.DESCRIPTOR.message_types_by_name.items()
    if "audience" in described.fields_by_name
)


def verb_of(event: type[Message]) -> str:
    """What happened to the ticket: "statusSet" for TicketStatusSet, and so on."""
    if event is ticket_events_pb2.TicketReplyReleased:
        return "replied"
    word = event.DESCRIPTOR.name.removeprefix("Ticket")
    return word[0].lower() + word[1:]


VERBS: dict[type[Message], str] = {event: verb_of(event) for event in EVENTS}
# Told with the ticket as it has stood, perhaps for months: its last activity says nothing of when.
OF_STANDING = (ticket_events_pb2.TicketDeliveryChanged, ticket_events_pb2.TicketContinued)


def read_ticket(event_type: type[Message], verb: str, payload: bytes) -> Change:
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
