"""A ticket's row as the event that tells of it."""

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from guiche.common.v1 import reference_pb2
from guiche.ticket.v1 import ticket_events_pb2, ticket_pb2
from sqlalchemy import Row

from ticket.domain.visibility import ticket_keys


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
    )


def audience(before: Row[Any] | None, after: Row[Any]) -> ticket_events_pb2.AudienceChange:
    return ticket_events_pb2.AudienceChange(before=keys_of(before) if before is not None else [], after=keys_of(after))


def keys_of(row: Row[Any]) -> list[str]:
    return ticket_keys(row.queue_key, row.level_id, row.status)


def opened(row: Row[Any]) -> ticket_events_pb2.TicketOpened:
    return ticket_events_pb2.TicketOpened(ticket=state(row), audience=audience(None, row))


def started(before: Row[Any], after: Row[Any]) -> ticket_events_pb2.TicketStarted:
    return ticket_events_pb2.TicketStarted(ticket=state(after), audience=audience(before, after))


def stamp(value: Any) -> Timestamp:
    result = Timestamp()
    result.FromDatetime(value)
    return result
