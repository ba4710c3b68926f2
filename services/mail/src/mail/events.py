"""What other services are told."""

from datetime import datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from guiche.common.v1.reference_pb2 import PLATFORM_EMAIL
from guiche.mail.v1.message_events_pb2 import DeliveryChanged, MessageReceived
from guiche.mail.v1.message_pb2 import AutomaticKind, DeliveryState, MailAddress

from mail.domain import Conversation, Message

# As the contract says.
SUBJECT_CHARACTERS = 998
SNIPPET_CHARACTERS = 200


def stamp(time: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(time)
    return made


def automatic_kind(automatic: str) -> AutomaticKind.ValueType:
    """automatic: as a message's; empty: a person wrote it."""
    return AutomaticKind.Value(f"AUTOMATIC_KIND_{automatic.upper().replace('-', '_') or 'UNSPECIFIED'}")


def message_received(conversation: Conversation, message: Message, account_id: UUID) -> tuple[str, MessageReceived]:
    """The event with its aggregate, as servicekit.events.outbox.publish takes them. account_id: it arrived on."""
    event = MessageReceived(
        message_id=str(message.id),
        organization_id=str(conversation.organization_id),
        account_id=str(account_id),
        conversation_id=str(conversation.id),
        platform=PLATFORM_EMAIL,
        sender=MailAddress(name=message.sender_name, email=message.sender_email),
        subject=message.subject[:SUBJECT_CHARACTERS],
        snippet=message.snippet[:SNIPPET_CHARACTERS],
        received_at=stamp(message.received_at),
        automatic=message.automatic,
    )
    return event.conversation_id, event


def delivery_changed(
    message_id: UUID,
    organization_id: UUID,
    conversation_id: UUID,
    ticket_id: UUID | None,
    state: str,
    automatic: str,
    version: int,
) -> tuple[str, DeliveryChanged]:
    """state: QUEUED, SENDING, …; automatic: as the message's; version: of the delivery, as it is with this state."""
    event = DeliveryChanged(
        message_id=str(message_id),
        organization_id=str(organization_id),
        conversation_id=str(conversation_id),
        ticket_id=str(ticket_id or ""),
        state=DeliveryState.Value(f"DELIVERY_STATE_{state}"),
        automatic=automatic_kind(automatic),
        version=version,
    )
    return event.conversation_id, event
