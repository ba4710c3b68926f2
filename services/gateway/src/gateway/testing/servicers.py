"""Neighbours that keep the contracts, as far as a gateway can tell."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

from guiche.common.v1 import access_pb2, reference_pb2
from guiche.mail.v1 import message_pb2, message_service_pb2, message_service_pb2_grpc
from guiche.routing.v1 import (
    directory_pb2,
    directory_service_pb2,
    directory_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
)
from guiche.ticket.v1 import (
    service_type_pb2,
    service_type_service_pb2,
    service_type_service_pb2_grpc,
    ticket_pb2,
    ticket_service_pb2,
    ticket_service_pb2_grpc,
    verb_service_pb2,
)

from gateway.testing.world import (
    AttachmentNotFound,
    CredentialsRejected,
    SessionEnded,
    TicketNotFound,
    TransitionNotAllowed,
    World,
)
from servicekit.errors import NotAllowed


class Tickets(ticket_service_pb2_grpc.TicketServiceServicer):
    def __init__(self, world: World) -> None:
        self.world = world

    def ListTickets(self, request: Any, context: Any) -> Any:
        self.world.called("ListTickets", request)
        return ticket_service_pb2.ListTicketsResponse(tickets=self.world.tickets.values())

    def CountTickets(self, request: Any, context: Any) -> Any:
        self.world.called("CountTickets", request)
        return ticket_service_pb2.CountTicketsResponse(total=len(self.world.tickets))

    def GetTicket(self, request: Any, context: Any) -> Any:
        self.world.called("GetTicket", request)
        return ticket_service_pb2.GetTicketResponse(ticket=self.world.ticket(request.ticket_id))

    def ListInteractions(self, request: Any, context: Any) -> Any:
        self.world.called("ListInteractions", request)
        self.world.ticket(request.ticket_id)
        return ticket_service_pb2.ListInteractionsResponse()

    def AuthorizeTicket(self, request: Any, context: Any) -> Any:
        caller = self.world.called("AuthorizeTicket", request)
        ticket = self.world.ticket(request.ticket_id)
        assert caller.attendant
        closed = ticket.status == ticket_pb2.TICKET_STATUS_CLOSED
        again = (caller.attendant.id, request.request_id) in self.world.released
        if request.action == access_pb2.GRANT_ACTION_REPLY and closed and not again:
            raise TransitionNotAllowed("It is closed.", {"allowedVerbs": ""})
        action = access_pb2.GrantAction.Name(request.action)
        claims = {"sub": caller.attendant.id, "ticket": request.ticket_id, "action": action}
        answer = ticket_service_pb2.AuthorizeTicketResponse(grant=self.world.keys("ticket").sign("mail", 60, claims))
        answer.expires_at.FromSeconds(int(time.time()) + 60)
        return answer

    def GetAudience(self, request: Any, context: Any) -> Any:
        caller = self.world.called("GetAudience", request)
        assert caller.attendant
        keys = self.world.audience.get(caller.attendant.id, [])
        self.world.during_audience()
        return ticket_service_pb2.GetAudienceResponse(keys=keys)

    def OpenTickets(self, request: Any, context: Any) -> Any:
        raise AssertionError("the gateway may not call this")

    def AppendMessages(self, request: Any, context: Any) -> Any:
        raise AssertionError("the gateway may not call this")


STATUS_AFTER = {
    "StartTicket": ticket_pb2.TICKET_STATUS_STARTED,
    "AwaitReply": ticket_pb2.TICKET_STATUS_PENDING,
    "ConcludeTicket": ticket_pb2.TICKET_STATUS_CLOSED,
    "FinalizeTicket": ticket_pb2.TICKET_STATUS_CLOSED,
    "ReopenTicket": ticket_pb2.TICKET_STATUS_OPEN,
}


class Verbs:
    """A VerbService: the verbs of the contract, each but the reply answering with the ticket as it has become."""

    def __init__(self, world: World) -> None:
        self.world = world
        for method in verb_service_pb2.DESCRIPTOR.services_by_name["VerbService"].methods:
            setattr(self, method.name, self.reply if method.name == "ReplyTicket" else partial(self.use, method.name))

    def reply(self, request: Any, context: Any) -> Any:
        caller = self.world.called("ReplyTicket", request)
        assert caller.attendant
        key = (caller.attendant.id, request.request_id)
        if key not in self.world.released:
            ticket = self.world.ticket(request.ticket_id)
            ticket.status = request.then_status
            self.world.released[key] = verb_service_pb2.ReplyTicketResponse(ticket=ticket)
        return self.world.released[key]

    def use(self, method: str, request: Any, context: Any) -> Any:
        self.world.called(method, request)
        ticket = self.world.ticket(request.ticket_id)
        ticket.status = STATUS_AFTER.get(method) or getattr(request, "status", None) or ticket.status
        return getattr(verb_service_pb2, f"{method}Response")(ticket=ticket)


class ServiceTypes(service_type_service_pb2_grpc.ServiceTypeServiceServicer):
    def __init__(self, world: World) -> None:
        self.world = world

    def ListServiceTypes(self, request: Any, context: Any) -> Any:
        self.world.called("ListServiceTypes", request)
        return service_type_service_pb2.ListServiceTypesResponse(service_types=[a_service_type(str(uuid4()))])

    def GetServiceType(self, request: Any, context: Any) -> Any:
        self.world.called("GetServiceType", request)
        return service_type_service_pb2.GetServiceTypeResponse(service_type=a_service_type(request.service_type_id))

    def CreateServiceType(self, request: Any, context: Any) -> Any:
        self.world.called("CreateServiceType", request)
        return service_type_service_pb2.CreateServiceTypeResponse(service_type=a_service_type(str(uuid4())))

    def UpdateServiceType(self, request: Any, context: Any) -> Any:
        self.world.called("UpdateServiceType", request)
        return service_type_service_pb2.UpdateServiceTypeResponse(service_type=a_service_type(request.service_type_id))

    def GetClosingRules(self, request: Any, context: Any) -> Any:
        self.world.called("GetClosingRules", request)
        rules = service_type_pb2.ClosingRules(department_id=request.department_id, etag="1")
        return service_type_service_pb2.GetClosingRulesResponse(closing_rules=rules)

    def UpdateClosingRules(self, request: Any, context: Any) -> Any:
        self.world.called("UpdateClosingRules", request)
        rules = service_type_pb2.ClosingRules(department_id=request.department_id, etag="2")
        return service_type_service_pb2.UpdateClosingRulesResponse(closing_rules=rules)


def a_service_type(service_type_id: str) -> service_type_pb2.ServiceType:
    choice = service_type_pb2.FieldChoice(id=str(uuid4()), name="Loja")
    kind = service_type_pb2.FIELD_KIND_CHOICE
    field = service_type_pb2.Field(id=str(uuid4()), name="Onde", kind=kind, mandatory=True, choices=[choice])
    return service_type_pb2.ServiceType(id=service_type_id, etag="3", name="Troca", fields=[field], active=True)


class Messages(message_service_pb2_grpc.MessageServiceServicer):
    def __init__(self, world: World) -> None:
        self.world = world

    def ListMessages(self, request: Any, context: Any) -> Any:
        self.check_grant("ListMessages", request)
        message = message_pb2.Message(id=str(uuid4()), subject="Olá", direction=message_pb2.MESSAGE_DIRECTION_IN)
        return message_service_pb2.ListMessagesResponse(messages=[message])

    def DownloadAttachment(self, request: Any, context: Any) -> Iterator[Any]:
        self.check_grant("DownloadAttachment", request)
        if request.attachment_id not in self.world.attachments:
            raise TicketNotFound("There is no such attachment.")
        attachment, content = self.world.attachments[request.attachment_id]
        yield message_service_pb2.DownloadAttachmentResponse(attachment=attachment)
        for start in range(0, len(content), 65_536):
            yield message_service_pb2.DownloadAttachmentResponse(chunk=content[start : start + 65_536])

    def GetReplyOptions(self, request: Any, context: Any) -> Any:
        self.check_grant("GetReplyOptions", request)
        account = message_service_pb2.ReplyAccount(id=str(uuid4()), address="atendimento@demo.guiche", name="Demo")
        options = message_service_pb2.ReplyOptions(accounts=[account], max_attachment_bytes=20 * 1024 * 1024)
        return message_service_pb2.GetReplyOptionsResponse(reply_options=options)

    def UploadAttachment(self, requests: Iterator[Any], context: Any) -> Any:
        file = next(requests).file
        self.check_grant("UploadAttachment", file)
        content = b""
        for request in requests:
            content += request.chunk
            self.world.during_upload(len(content))
        stored = self.world.add_attachment(content, file_name=file.file_name, content_type=file.content_type)
        self.world.uploaded_for[stored.id] = (self.world.calls[-1].attendant_id, file.ticket_id)
        return message_service_pb2.UploadAttachmentResponse(attachment=stored)

    def PrepareReply(self, request: Any, context: Any) -> Any:
        self.check_grant("PrepareReply", request)
        attendant = self.world.calls[-1].attendant_id
        for id in request.attachment_ids:
            if self.world.uploaded_for.get(id) != (attendant, request.ticket_id):
                raise AttachmentNotFound("There is no such file of yours on this ticket.")
        message_id = self.world.drafts.setdefault((attendant, request.request_id), str(uuid4()))
        return message_service_pb2.PrepareReplyResponse(message_id=message_id)

    def ResendMessage(self, request: Any, context: Any) -> Any:
        self.check_grant("ResendMessage", request)
        message = message_pb2.Message(id=request.message_id, direction=message_pb2.MESSAGE_DIRECTION_OUT)
        return message_service_pb2.ResendMessageResponse(message=message)

    def check_grant(self, method: str, request: Any) -> None:
        caller = self.world.called(method, request)
        if not caller.grant or caller.grant["ticket"] != request.ticket_id:
            raise NotAllowed("The grant is for another ticket.")


class Directory(directory_service_pb2_grpc.DirectoryServiceServicer):
    def __init__(self, world: World) -> None:
        self.world = world

    def GetMe(self, request: Any, context: Any) -> Any:
        caller = self.world.called("GetMe", request)
        assert caller.attendant
        me = directory_pb2.Me(username="ana", attendant=reference_pb2.Reference(id=caller.attendant.id, name="Ana"))
        return directory_service_pb2.GetMeResponse(me=me)


class Sessions(session_service_pb2_grpc.SessionServiceServicer):
    def __init__(self, world: World) -> None:
        self.world = world

    def SignIn(self, request: Any, context: Any) -> Any:
        self.world.called("SignIn", request)
        if (request.username, request.password) != ("ana", "guiche"):
            raise CredentialsRejected("User name and password do not fit.")
        return session_service_pb2.SignInResponse(tokens=self.tokens())

    def RefreshSession(self, request: Any, context: Any) -> Any:
        self.world.called("RefreshSession", request)
        if request.refresh_token not in self.world.refresh_tokens:
            raise SessionEnded("The session has ended.")
        self.world.refresh_tokens.discard(request.refresh_token)
        return session_service_pb2.RefreshSessionResponse(tokens=self.tokens())

    def SignOut(self, request: Any, context: Any) -> Any:
        self.world.called("SignOut", request)
        self.world.refresh_tokens.discard(request.refresh_token)
        return session_service_pb2.SignOutResponse()

    def tokens(self) -> session_service_pb2.Tokens:
        refresh = uuid4().hex
        self.world.refresh_tokens.add(refresh)
        return session_service_pb2.Tokens(access_token=self.world.token(), expires_in=900, refresh_token=refresh)
