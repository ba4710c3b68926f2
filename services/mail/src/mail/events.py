"""What other services are told."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from guiche.common.v1.reference_pb2 import PLATFORM_EMAIL
from guiche.mail.v1.message_events_pb2 import MessageReceived
from guiche.mail.v1.message_pb2 import MailAddress

from mail.domain import Conversation, Message

# As the contract says.
SUBJECT_CHARACTERS = 998
SNIPPET_CHARACTERS = 200


def stamp(time: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(time)
    return made


def message_received(conversation: Conversation, message: Message) -> tuple[str, MessageReceived]:
    """The event with its aggregate, as servicekit.events.outbox.publish takes them."""
    event = MessageReceived(
        message_id=str(message.id),
        organization_id=str(conversation.organization_id),
        account_id=str(conversation.account_id),
        conversation_id=str(conversation.id),
        platform=PLATFORM_EMAIL,
        sender=MailAddress(name=message.sender_name, email=message.sender_email),
        subject=message.subject[:SUBJECT_CHARACTERS],
        snippet=message.snippet[:SNIPPET_CHARACTERS],
        received_at=stamp(message.received_at),
        automatic=message.automatic,
    )
    return event.conversation_id, event
