"""Messages as the contract has them."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from guiche.common.v1.reference_pb2 import Reference
from guiche.mail.v1 import message_pb2, message_service_pb2

from mail.domain import Attachment, Message, Upload
from mail.events import automatic_kind, stamp
from mail.handlers.replies import ReplyOptions


def to_message(message: Message, attachments: Sequence[Attachment], names: Mapping[UUID, str]) -> message_pb2.Message:
    """names: of attendants, by id."""
    return message_pb2.Message(
        id=str(message.id),
        direction=message_pb2.MessageDirection.Value(f"MESSAGE_DIRECTION_{message.direction}"),
        sender=message_pb2.MailAddress(name=message.sender_name, email=message.sender_email),
        to=to_addresses(message.to_addresses),
        cc=to_addresses(message.cc_addresses),
        bcc=to_addresses(message.bcc_addresses),
        subject=message.subject,
        text=message.text,
        html=message.html,
        attachments=[to_attachment(attachment) for attachment in attachments],
        received_at=stamp(message.received_at),
        date=stamp(message.date) if message.date else None,
        warnings=message.warnings,
        delivery=to_delivery(message),
        author=to_author(message, names),
        joined_by=message_pb2.JoinRule.Value(f"JOIN_RULE_{message.joined_by or 'UNSPECIFIED'}"),
        automatic=automatic_kind(message.automatic),
        new_text=message.new_text or message.text,
    )


def to_addresses(addresses: Iterable[Mapping[str, str]]) -> list[message_pb2.MailAddress]:
    return [message_pb2.MailAddress(**address) for address in addresses]


def to_delivery(message: Message) -> message_pb2.Delivery | None:
    if message.delivery_state is None:
        return None
    return message_pb2.Delivery(
        state=message_pb2.DeliveryState.Value(f"DELIVERY_STATE_{message.delivery_state}"),
        at=stamp(message.delivery_at or message.received_at),
        detail=message.delivery_detail,
        refused=[message_pb2.RefusedRecipient(**one) for one in message.refused],
    )


def to_author(message: Message, names: Mapping[UUID, str]) -> Reference | None:
    if message.author_id is None:
        return None
    return Reference(id=str(message.author_id), name=names.get(message.author_id, ""))


def to_attachment(attachment: Attachment) -> message_pb2.Attachment:
    return message_pb2.Attachment(
        id=str(attachment.id),
        file_name=attachment.file_name,
        content_type=attachment.content_type,
        size=attachment.size,
        content_id=attachment.content_id,
        inline=attachment.inline,
    )


def to_uploaded(upload: Upload) -> message_pb2.Attachment:
    return message_pb2.Attachment(
        id=str(upload.id), file_name=upload.file_name, content_type=upload.content_type, size=upload.size
    )


def to_options(options: ReplyOptions, most_bytes: int) -> message_service_pb2.ReplyOptions:
    return message_service_pb2.ReplyOptions(
        accounts=[
            message_service_pb2.ReplyAccount(id=str(account.id), address=account.address, name=account.name)
            for account in options.accounts
        ],
        to=to_addresses(options.to),
        cc=to_addresses(options.cc),
        subject=options.subject,
        max_attachment_bytes=most_bytes,
    )
