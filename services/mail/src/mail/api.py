"""gRPC ↔ handlers; opens the transaction."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import grpc
from guiche.mail.v1 import message_pb2, message_service_pb2, message_service_pb2_grpc

from mail.domain import Attachment, Message
from mail.events import stamp
from mail.files import Files
from mail.handlers import read
from mail.handlers.read import Position
from servicekit.database import Database
from servicekit.pages import make_token, read_token, secret_of
from servicekit.rpc.caller import grant
from servicekit.rpc.server import AddServicer
from servicekit.tokens import Keys


class MessageService(message_service_pb2_grpc.MessageServiceServicer):
    def __init__(self, database: Database, files: Files, keys: Keys) -> None:
        self.database, self.files = database, files
        self.page_secret = secret_of(keys)

    def ListMessages(
        self, request: message_service_pb2.ListMessagesRequest, context: grpc.ServicerContext
    ) -> message_service_pb2.ListMessagesResponse:
        claims = grant()
        what = read.granted(claims, request.ticket_id)
        scope = f"messages/{request.ticket_id}/{claims['sub']}"
        after = position_of(read_token(self.page_secret, scope, request.page_token)) if request.page_token else None
        with self.database.transaction() as connection:
            page, following = read.list_messages(connection, what, after, request.page_size)
        token = make_token(self.page_secret, scope, values_of(following)) if following else ""
        return message_service_pb2.ListMessagesResponse(
            messages=[to_message(message, attachments) for message, attachments in page], next_page_token=token
        )

    def DownloadAttachment(
        self, request: message_service_pb2.DownloadAttachmentRequest, context: grpc.ServicerContext
    ) -> Iterator[message_service_pb2.DownloadAttachmentResponse]:
        what = read.granted(grant(), request.ticket_id)
        with self.database.transaction() as connection:
            attachment = read.find_attachment(connection, what, UUID(request.attachment_id))
        yield message_service_pb2.DownloadAttachmentResponse(attachment=to_attachment(attachment))
        for chunk in read.chunks(self.files, attachment):
            yield message_service_pb2.DownloadAttachmentResponse(chunk=chunk)


def position_of(values: list[str]) -> Position:
    received_at, message_id = values
    return datetime.fromisoformat(received_at), UUID(message_id)


def values_of(position: Position) -> list[str]:
    received_at, message_id = position
    return [received_at.isoformat(), str(message_id)]


def to_message(message: Message, attachments: Sequence[Attachment]) -> message_pb2.Message:
    return message_pb2.Message(
        id=str(message.id),
        direction=message_pb2.MessageDirection.Value(f"MESSAGE_DIRECTION_{message.direction}"),
        sender=message_pb2.MailAddress(name=message.sender_name, email=message.sender_email),
        to=[message_pb2.MailAddress(**address) for address in message.to_addresses],
        cc=[message_pb2.MailAddress(**address) for address in message.cc_addresses],
        subject=message.subject,
        text=message.text,
        html=message.html,
        attachments=[to_attachment(attachment) for attachment in attachments],
        received_at=stamp(message.received_at),
        date=stamp(message.date) if message.date else None,
        warnings=message.warnings,
    )


def to_attachment(attachment: Attachment) -> message_pb2.Attachment:
    return message_pb2.Attachment(
        id=str(attachment.id),
        file_name=attachment.file_name,
        content_type=attachment.content_type,
        size=attachment.size,
        content_id=attachment.content_id,
        inline=attachment.inline,
    )


def servicer(database: Database, files: Files, keys: Keys) -> AddServicer:
    service = MessageService(database, files, keys)
    return lambda server: message_service_pb2_grpc.add_MessageServiceServicer_to_server(service, server)
