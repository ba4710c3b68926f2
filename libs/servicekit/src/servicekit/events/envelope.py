"""What travels: a protobuf event with what identifies it, orders it and traces it (CloudEvents 1.0)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Envelope:
    id: UUID
    # The full name of the protobuf message, e.g. "guiche.ticket.v1.TicketStarted"; also the routing key.
    type: str
    # The service that owns it, e.g. "ticket".
    source: str
    # Events of one aggregate are handled in the order in which they were committed.
    aggregate: str
    time: datetime
    payload: bytes
    # W3C trace context of the work that caused it; may be empty.
    traceparent: str
    # On whose behalf: "attendant:<id>", "service:<name>"; for the record, never a permission.
    actor: str


def type_of(event: type[Message] | Message) -> str:
    return event.DESCRIPTOR.full_name
