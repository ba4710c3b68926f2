"""Inbox rows ↔ handlers. The worker of servicekit.events.inbox opens the transaction."""

from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.message import Message
from guiche.common.v1.reference_pb2 import Platform
from guiche.mail.v1.message_events_pb2 import MessageReceived
from sqlalchemy import Connection

from routing.domain.occurrences import (
    MAX_NAME,
    MAX_SNIPPET,
    MAX_SUBJECT,
    Occurrence,
    text,
    usable_address,
)
from routing.handlers import occurrences
from servicekit.process import EventHandler
from servicekit.telemetry import current_traceparent


def message_received(connection: Connection, event: Message) -> None:
    assert isinstance(event, MessageReceived)
    occurrences.receive(connection, occurrence_of(event), event.automatic)


def occurrence_of(event: MessageReceived) -> Occurrence:
    """Ready for the neighbours' contracts: nothing in it can make them refuse it."""
    at = event.received_at.ToDatetime(UTC) if event.HasField("received_at") else datetime.now(UTC)
    return Occurrence(
        id=UUID(event.message_id),
        organization_id=UUID(event.organization_id),
        account_id=UUID(event.account_id),
        conversation_id=UUID(event.conversation_id),
        platform=platform_of(event.platform),
        sender_name=text(event.sender.name, MAX_NAME),
        sender_address=usable_address(event.sender.email),
        subject=text(event.subject, MAX_SUBJECT),
        snippet=text(event.snippet, MAX_SNIPPET),
        occurred_at=at,
        traceparent=current_traceparent(),
    )


def platform_of(platform: Platform.ValueType) -> str:
    """OTHER for one that a newer sender knows and this version does not."""
    known = Platform.values() if platform != Platform.PLATFORM_UNSPECIFIED else []
    return Platform.Name(platform).removeprefix("PLATFORM_") if platform in known else "OTHER"


CONSUMES: dict[type[Message], EventHandler] = {MessageReceived: message_received}
