"""gRPC ↔ handlers; opens the transaction."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from threading import Semaphore
from typing import Any
from uuid import UUID

import grpc
from guiche.mail.v1 import message_service_pb2, message_service_pb2_grpc

from mail import signing
from mail.answers import to_attachment, to_message, to_options, to_uploaded
from mail.config import MailSettings
from mail.domain import Upload
from mail.files import Files
from mail.handlers import read, replies, uploads
from mail.handlers.deliveries import resend
from mail.handlers.read import Position
from mail.handlers.replies import Draft, Writer
from servicekit import crash
from servicekit.database import Database
from servicekit.errors import InvalidRequest
from servicekit.idempotency import once
from servicekit.pages import make_token, read_token, secret_of
from servicekit.rpc.caller import grant
from servicekit.rpc.server import AddServicer
from servicekit.tokens import Keys


class MessageService(message_service_pb2_grpc.MessageServiceServicer):
    def __init__(self, settings: MailSettings, database: Database, files: Files, keys: Keys) -> None:
        self.database, self.files = database, files
        self.page_secret, self.name_secret = secret_of(keys), signing.secret_of(keys)
        self.reply_max_bytes = settings.reply_max_bytes
        self.upload_places = Semaphore(uploads.MOST_AT_ONCE)

    def ListMessages(
        self, request: message_service_pb2.ListMessagesRequest, context: grpc.ServicerContext
    ) -> message_service_pb2.ListMessagesResponse:
        claims = grant()
        what = read.granted(claims, request.ticket_id)
        scope = f"messages/{request.ticket_id}/{claims['sub']}"
        after = position_of(read_token(self.page_secret, scope, request.page_token)) if request.page_token else None
        with self.database.transaction() as connection:
            page, following = read.list_messages(connection, what, after, request.page_size)
            names = read.names_of_authors(connection, [message for message, _ in page])
        token = make_token(self.page_secret, scope, values_of(following)) if following else ""
        return message_service_pb2.ListMessagesResponse(
            messages=[to_message(message, attachments, names) for message, attachments in page], next_page_token=token
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

    def GetReplyOptions(
        self, request: message_service_pb2.GetReplyOptionsRequest, context: grpc.ServicerContext
    ) -> message_service_pb2.GetReplyOptionsResponse:
        who = writer(grant(), request.ticket_id)
        with self.database.transaction() as connection:
            known = replies.options(connection, who)
        return message_service_pb2.GetReplyOptionsResponse(reply_options=to_options(known, self.reply_max_bytes))

    def UploadAttachment(
        self, requests: Iterator[message_service_pb2.UploadAttachmentRequest], context: grpc.ServicerContext
    ) -> message_service_pb2.UploadAttachmentResponse:
        with uploads.place(self.upload_places):
            upload = self.kept(requests)
        with self.database.transaction() as connection:
            uploads.keep_row(connection, upload)
        return message_service_pb2.UploadAttachmentResponse(attachment=to_uploaded(upload))

    def kept(self, requests: Iterator[message_service_pb2.UploadAttachmentRequest]) -> Upload:
        facts = next(requests, message_service_pb2.UploadAttachmentRequest())
        if facts.WhichOneof("part") != "file":
            raise InvalidRequest("The file's facts come first.")
        who = writer(grant(), facts.file.ticket_id)
        return uploads.keep_file(
            self.files,
            who.scope,
            who.attendant_id,
            facts.file.file_name,
            facts.file.content_type,
            chunks_of(requests),
            self.reply_max_bytes,
        )

    def PrepareReply(
        self, request: message_service_pb2.PrepareReplyRequest, context: grpc.ServicerContext
    ) -> message_service_pb2.PrepareReplyResponse:
        who = writer(grant(), request.ticket_id)
        with self.database.transaction() as connection:

            def perform() -> message_service_pb2.PrepareReplyResponse:
                message_id = replies.prepare(connection, who, draft_of(request), self.name_secret, self.reply_max_bytes)
                return message_service_pb2.PrepareReplyResponse(message_id=str(message_id))

            empty = message_service_pb2.PrepareReplyResponse()
            prepared = once(connection, str(who.attendant_id), request.request_id, request, perform, empty)
        crash.point("draft")
        return prepared

    def ResendMessage(
        self, request: message_service_pb2.ResendMessageRequest, context: grpc.ServicerContext
    ) -> message_service_pb2.ResendMessageResponse:
        who = writer(grant(), request.ticket_id)
        with self.database.transaction() as connection:

            def perform() -> message_service_pb2.ResendMessageResponse:
                message = read.find_message(connection, who.scope, UUID(request.message_id))
                resend(connection, message.id)
                shown, attachments = read.shown(connection, who.scope, message.id)
                names = read.names_of_authors(connection, [shown])
                return message_service_pb2.ResendMessageResponse(message=to_message(shown, attachments, names))

            empty = message_service_pb2.ResendMessageResponse()
            return once(connection, str(who.attendant_id), request.request_id, request, perform, empty)


def position_of(values: list[str]) -> Position:
    received_at, message_id = values
    return datetime.fromisoformat(received_at), UUID(message_id)


def values_of(position: Position) -> list[str]:
    received_at, message_id = position
    return [received_at.isoformat(), str(message_id)]


def writer(claims: Mapping[str, Any], ticket_id: str) -> Writer:
    """Who the grant lets answer on this ticket."""
    scope = read.granted(claims, ticket_id)
    level = claims.get("level")
    return Writer(UUID(claims["sub"]), scope, UUID(level) if level else None)


def draft_of(request: message_service_pb2.PrepareReplyRequest) -> Draft:
    return Draft(
        account_id=UUID(request.account_id) if request.account_id else None,
        to=request.to,
        cc=request.cc,
        bcc=request.bcc,
        subject=request.subject,
        text=request.text,
        html=request.html,
        attachment_ids=[UUID(one) for one in request.attachment_ids],
    )


def chunks_of(requests: Iterable[message_service_pb2.UploadAttachmentRequest]) -> Iterator[bytes]:
    for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise InvalidRequest("After the file's facts only its bytes may follow.")
        yield request.chunk


def servicer(settings: MailSettings, database: Database, files: Files, keys: Keys) -> AddServicer:
    service = MessageService(settings, database, files, keys)
    return lambda server: message_service_pb2_grpc.add_MessageServiceServicer_to_server(service, server)
