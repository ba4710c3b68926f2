"""For the gateway's tests: neighbours that keep the contracts, behind real gRPC servers, and the gateway on a port."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import uvicorn
from guiche.common.v1 import reference_pb2
from guiche.mail.v1 import message_pb2, message_service_pb2, message_service_pb2_grpc
from guiche.routing.v1 import (
    directory_pb2,
    directory_service_pb2,
    directory_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
)
from guiche.ticket.v1 import ticket_pb2, ticket_service_pb2, ticket_service_pb2_grpc

from gateway.config import Settings
from gateway.main import App, build
from gateway.serving import uvicorn_server
from servicekit.errors import Failure, NotAllowed
from servicekit.rpc.caller import CALLER, Caller
from servicekit.rpc.server import make_server
from servicekit.tokens import Keys, load_keys

ORGANIZATION = "0197b000-0000-7000-8000-00000000000f"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 600


class TicketNotFound(Failure):
    code = grpc.StatusCode.NOT_FOUND
    reason = "TICKET_NOT_FOUND"


class CredentialsRejected(Failure):
    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "CREDENTIALS_REJECTED"


class SessionEnded(Failure):
    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "SESSION_ENDED"


@dataclass
class Call:
    method: str
    request: Any
    caller: Caller


@dataclass
class World:
    """What the neighbours know and were asked."""

    keys: Callable[[str], Keys]
    tickets: dict[str, ticket_pb2.Ticket] = field(default_factory=dict)
    attachments: dict[str, tuple[message_pb2.Attachment, bytes]] = field(default_factory=dict)
    audience: dict[str, list[str]] = field(default_factory=dict)
    # Raised by the next calls of a method, until removed.
    failures: dict[str, Failure | Exception] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    refresh_tokens: set[str] = field(default_factory=set)
    # Called within GetAudience, to make something happen while a connection is opened.
    during_audience: Callable[[], None] = lambda: None

    def reset(self) -> None:
        fresh = World(self.keys)
        self.__dict__.update(fresh.__dict__)

    def called(self, method: str, request: Any) -> Caller:
        caller = CALLER.get()
        self.calls.append(Call(method, request, caller))
        if failure := self.failures.get(method):
            raise failure
        return caller

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def add_ticket(self, **values: Any) -> ticket_pb2.Ticket:
        ticket = ticket_pb2.Ticket(id=str(uuid4()), etag="7", protocol="20251007092633646", **values)
        self.tickets[ticket.id] = ticket
        return ticket

    def add_attachment(self, content: bytes = PNG, **values: Any) -> message_pb2.Attachment:
        attachment = message_pb2.Attachment(id=str(uuid4()), size=len(content), **values)
        self.attachments[attachment.id] = (attachment, content)
        return attachment

    def token(self, attendant: str = "", seconds: int = 900, **claims: Any) -> str:
        given = {"sub": attendant or str(uuid4()), "org": ORGANIZATION, "sid": "s1"} | claims
        return self.keys("routing").sign("gateway", seconds, given)

    def headers(self, attendant: str = "") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(attendant)}"}


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
        return ticket_service_pb2.GetTicketResponse(ticket=self.ticket(request.ticket_id))

    def ListInteractions(self, request: Any, context: Any) -> Any:
        self.world.called("ListInteractions", request)
        self.ticket(request.ticket_id)
        return ticket_service_pb2.ListInteractionsResponse()

    def StartTicket(self, request: Any, context: Any) -> Any:
        self.world.called("StartTicket", request)
        ticket = self.ticket(request.ticket_id)
        ticket.status = ticket_pb2.TICKET_STATUS_STARTED
        return ticket_service_pb2.StartTicketResponse(ticket=ticket)

    def AuthorizeTicket(self, request: Any, context: Any) -> Any:
        caller = self.world.called("AuthorizeTicket", request)
        self.ticket(request.ticket_id)
        assert caller.attendant
        action = "GRANT_ACTION_READ_MESSAGES"
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

    def ticket(self, ticket_id: str) -> ticket_pb2.Ticket:
        if ticket_id not in self.world.tickets:
            raise TicketNotFound("There is no such ticket.")
        return self.world.tickets[ticket_id]


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


@contextmanager
def neighbours(world: World) -> Iterator[dict[str, str]]:
    """Their addresses, by setting."""
    added: dict[str, list[Callable[[grpc.Server], None]]] = {
        "ticket": [lambda s: ticket_service_pb2_grpc.add_TicketServiceServicer_to_server(Tickets(world), s)],
        "mail": [lambda s: message_service_pb2_grpc.add_MessageServiceServicer_to_server(Messages(world), s)],
        "routing": [
            lambda s: directory_service_pb2_grpc.add_DirectoryServiceServicer_to_server(Directory(world), s),
            lambda s: session_service_pb2_grpc.add_SessionServiceServicer_to_server(Sessions(world), s),
        ],
    }
    with ExitStack() as stack:
        addresses = {}
        for name, servicers in added.items():
            server, port = make_server(world.keys(name), "127.0.0.1:0", servicers)
            server.start()
            stack.callback(stop, server)
            addresses[f"{name}_address"] = f"127.0.0.1:{port}"
        yield addresses


def stop(server: grpc.Server) -> None:
    server.stop(grace=None).wait()


@dataclass(frozen=True)
class Running:
    url: str
    app: App


@contextmanager
def serving(settings: Settings, **more: Any) -> Iterator[Running]:
    """The gateway on a free port, by uvicorn in a thread."""
    app = build(settings, **more)
    server = uvicorn_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, name="gateway")
    thread.start()
    try:
        yield Running(f"http://127.0.0.1:{port_of(server)}", app)
    finally:
        app.hub.drain()
        server.should_exit = True
        thread.join()
        app.close()


def port_of(server: uvicorn.Server, seconds: float = 10.0) -> int:
    deadline = time.monotonic() + seconds
    while not server.started:
        assert time.monotonic() < deadline, "the gateway did not start"
        time.sleep(0.005)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


def settings_for(folder: Path, **values: Any) -> Settings:
    return Settings(keys=folder, web_dist=folder / "no-dist", **values)


def keys_in(folder: Path) -> Callable[[str], Keys]:
    return lambda service: load_keys(folder, service)
