"""What the neighbours of a gateway under test know and were asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
from guiche.mail.v1 import message_pb2
from guiche.ticket.v1 import ticket_pb2, verb_service_pb2

from servicekit.errors import Failure
from servicekit.rpc.caller import CALLER, Caller
from servicekit.tokens import Keys

ORGANIZATION = "0197b000-0000-7000-8000-00000000000f"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 600


class TicketNotFound(Failure):
    code = grpc.StatusCode.NOT_FOUND
    reason = "TICKET_NOT_FOUND"


class AttachmentNotFound(Failure):
    code = grpc.StatusCode.NOT_FOUND
    reason = "ATTACHMENT_NOT_FOUND"


class TransitionNotAllowed(Failure):
    reason = "TRANSITION_NOT_ALLOWED"


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

    @property
    def attendant_id(self) -> str:
        assert self.caller.attendant
        return self.caller.attendant.id


@dataclass
class World:
    """What the neighbours know and were asked."""

    keys: Callable[[str], Keys]
    tickets: dict[str, ticket_pb2.Ticket] = field(default_factory=dict)
    attachments: dict[str, tuple[message_pb2.Attachment, bytes]] = field(default_factory=dict)
    # Of the attendant and the ticket they were uploaded for.
    uploaded_for: dict[str, tuple[str, str]] = field(default_factory=dict)
    # Draft by the attendant and request id of its reply, and what the ticket service answered when it was released.
    drafts: dict[tuple[str, str], str] = field(default_factory=dict)
    released: dict[tuple[str, str], verb_service_pb2.ReplyTicketResponse] = field(default_factory=dict)
    audience: dict[str, list[str]] = field(default_factory=dict)
    # Raised by the next calls of a method, until removed.
    failures: dict[str, Failure | Exception] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    refresh_tokens: set[str] = field(default_factory=set)
    # Called within GetAudience, to make something happen while a connection is opened.
    during_audience: Callable[[], None] = lambda: None
    # Called with the bytes that have come for a file so far.
    during_upload: Callable[[int], None] = lambda received: None

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

    def ticket(self, ticket_id: str) -> ticket_pb2.Ticket:
        if ticket_id not in self.tickets:
            raise TicketNotFound("There is no such ticket.")
        return self.tickets[ticket_id]

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
