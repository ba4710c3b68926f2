"""A ticket's row as the event that tells of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from guiche.common.v1 import reference_pb2
from guiche.ticket.v1 import ticket_events_pb2, ticket_pb2
from sqlalchemy import Row

from ticket.domain.verbs import KINDS, Verb
from ticket.domain.visibility import ticket_keys

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def state(row: Row[Any]) -> ticket_events_pb2.TicketState:
    return ticket_events_pb2.TicketState(
        id=str(row.id),
        organization_id=str(row.organization_id),
        version=row.version,
        protocol=row.protocol,
        subject=row.subject,
        status=ticket_pb2.TicketStatus.Value(f"TICKET_STATUS_{row.status}"),
        priority=ticket_pb2.TicketPriority.Value(f"TICKET_PRIORITY_{row.priority}"),
        platform=reference_pb2.Platform.Value(f"PLATFORM_{row.platform}"),
        department_id=str(row.department_id),
        level_id=str(row.level_id),
        holder_id=str(row.holder_id or ""),
        released=row.released,
        publisher_id=str(row.publisher_id or ""),
        conversation_id=str(row.conversation_id),
        occurred_at=stamp(row.occurred_at),
        opened_at=stamp(row.opened_at),
        last_activity_at=stamp(row.last_activity_at),
        interactions=row.interactions,
        awaiting=awaiting(row),
        new_message=row.new_message,
        service_type_id=str(row.service_type_id or ""),
        last_message_id=last_message_id(row),
        previous_ticket_id=str(row.previous_ticket_id or ""),
    )


def awaiting(row: Row[Any]) -> ticket_pb2.Awaiting | None:
    if not row.awaiting_customer:
        return None
    return ticket_pb2.Awaiting(customer=True, until=stamp(row.awaiting_until) if row.awaiting_until else None)


def last_message_id(row: Row[Any]) -> str:
    return str(row.last_message_id or row.opening_message_id)


def audience(before: Row[Any] | None, after: Row[Any]) -> ticket_events_pb2.AudienceChange:
    return ticket_events_pb2.AudienceChange(before=keys_of(before) if before is not None else [], after=keys_of(after))


def keys_of(row: Row[Any]) -> list[str]:
    return ticket_keys(row.queue_key, row.level_id, row.status)


# What tells of each kind of entry, where it is not called like it. Those with a message_id tell of a message as well.
EVENTS: Mapping[str, type[Message]] = {
    "REPLIED": ticket_events_pb2.TicketReplyReleased,
    "MESSAGE_RECEIVED": ticket_events_pb2.TicketMessageAppended,
    "DELIVERY_FAILED": ticket_events_pb2.TicketDeliveryChanged,
    "DELIVERY_UNKNOWN": ticket_events_pb2.TicketDeliveryChanged,
}


def event_type(verb: Verb) -> type[Message]:
    """TicketStatusSet for STATUS_SET, and so on."""
    kind = KINDS[verb]
    called: type[Message] = EVENTS.get(kind) or getattr(ticket_events_pb2, "Ticket" + kind.title().replace("_", ""))
    return called


def event(verb: Verb, before: Row[Any] | None, after: Row[Any], message_id: UUID | None) -> Message:
    said: dict[str, Any] = {"ticket": state(after), "audience": audience(before, after)}
    if message_id is not None:
        said["message_id"] = str(message_id)
    return event_type(verb)(**said)


def delivery_changed(row: Row[Any], message_id: str) -> Message:
    """What became of a message, where that changes nothing of its ticket."""
    return ticket_events_pb2.TicketDeliveryChanged(
        ticket=state(row), audience=audience(row, row), message_id=message_id
    )


def restated(row: Row[Any]) -> Message:
    return ticket_events_pb2.TicketRestated(ticket=state(row), message_id=str(row.opening_message_id))


def stamp(value: datetime) -> Timestamp:
    """Of an aware time. A third of what FromDatetime takes, which goes by way of a calendar: a page has 150 of them."""
    since = value - EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)
