"""Which events are pushed, and what of them."""

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import Message
from guiche.routing.v1 import directory_events_pb2
from guiche.ticket.v1 import ticket_events_pb2


@dataclass(frozen=True, slots=True)
class TicketChange:
    """before, after: the audience keys of those who could see the ticket, and of those who can now."""

    ticket_id: str
    verb: str
    # Seconds since 1970.
    at: float
    before: frozenset[str]
    after: frozenset[str]


@dataclass(frozen=True, slots=True)
class AudienceMoved:
    """What this attendant may see is different now."""

    attendant_id: str


Change = TicketChange | AudienceMoved
TicketEvent = ticket_events_pb2.TicketOpened | ticket_events_pb2.TicketStarted


def ticket_change(verb: str, event: TicketEvent) -> TicketChange:
    audience = event.audience
    at = event.ticket.last_activity_at
    return TicketChange(
        event.ticket.id, verb, at.seconds + at.nanos / 1e9, frozenset(audience.before), frozenset(audience.after)
    )


def read_opened(payload: bytes) -> Change:
    return ticket_change("opened", ticket_events_pb2.TicketOpened.FromString(payload))


def read_started(payload: bytes) -> Change:
    return ticket_change("started", ticket_events_pb2.TicketStarted.FromString(payload))


def read_attendant(payload: bytes) -> Change:
    return AudienceMoved(directory_events_pb2.AttendantChanged.FromString(payload).id)


def name_of(event: type[Message]) -> str:
    return event.DESCRIPTOR.full_name


READERS: dict[str, Callable[[bytes], Change]] = {
    name_of(ticket_events_pb2.TicketOpened): read_opened,
    name_of(ticket_events_pb2.TicketStarted): read_started,
    name_of(directory_events_pb2.AttendantChanged): read_attendant,
}
