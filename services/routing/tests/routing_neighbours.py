"""Publisher and ticket as routing sees them: real servers with the real contracts' checks, answering from memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import grpc
from guiche.publisher.v1 import publisher_pb2, publisher_service_pb2, publisher_service_pb2_grpc
from guiche.ticket.v1 import ticket_service_pb2, ticket_service_pb2_grpc

from servicekit.rpc.server import make_server
from servicekit.tokens import Keys


@dataclass
class Publisher(publisher_service_pb2_grpc.PublisherServiceServicer):
    """before: runs before each answer, and may raise."""

    calls: list[publisher_service_pb2.IdentifyPublishersRequest] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    before: Callable[[publisher_service_pb2.IdentifyPublishersRequest], None] = lambda _: None

    def IdentifyPublishers(
        self, request: publisher_service_pb2.IdentifyPublishersRequest, context: grpc.ServicerContext
    ) -> publisher_service_pb2.IdentifyPublishersResponse:
        self.before(request)
        self.calls.append(request)
        ids = [self.ids.setdefault(identity.value.lower(), str(uuid4())) for identity in request.identities]
        publishers = [publisher_pb2.Publisher(id=publisher_id) for publisher_id in ids]
        return publisher_service_pb2.IdentifyPublishersResponse(publishers=publishers)


@dataclass
class Ticket(ticket_service_pb2_grpc.TicketServiceServicer):
    """Only what routing calls. before: runs before each answer of OpenTickets, after: once it has had its effect."""

    calls: list[ticket_service_pb2.OpenTicketsRequest] = field(default_factory=list)
    append_calls: list[ticket_service_pb2.AppendMessagesRequest] = field(default_factory=list)
    # By message, in the order of their opening.
    openings: dict[str, ticket_service_pb2.TicketOpening] = field(default_factory=dict)
    appended: dict[str, ticket_service_pb2.AppendedMessage] = field(default_factory=dict)
    # By message, whichever way it came to its ticket.
    tickets: dict[str, str] = field(default_factory=dict)
    # By conversation.
    live: dict[str, str] = field(default_factory=dict)
    traceparents: list[str] = field(default_factory=list)
    before: Callable[[ticket_service_pb2.OpenTicketsRequest], None] = lambda _: None
    after: Callable[[ticket_service_pb2.OpenTicketsRequest], None] = lambda _: None
    before_append: Callable[[ticket_service_pb2.AppendMessagesRequest], None] = lambda _: None

    def AppendMessages(
        self, request: ticket_service_pb2.AppendMessagesRequest, context: grpc.ServicerContext
    ) -> ticket_service_pb2.AppendMessagesResponse:
        self.before_append(request)
        self.append_calls.append(request)
        for message in request.messages:
            if message.message_id not in self.tickets and message.conversation_id in self.live:
                self.appended[message.message_id] = message
                self.tickets[message.message_id] = self.live[message.conversation_id]
        found = [self.tickets.get(message.message_id, "") for message in request.messages]
        return ticket_service_pb2.AppendMessagesResponse(tickets=[answered(ticket_id) for ticket_id in found])

    def OpenTickets(
        self, request: ticket_service_pb2.OpenTicketsRequest, context: grpc.ServicerContext
    ) -> ticket_service_pb2.OpenTicketsResponse:
        self.before(request)
        self.calls.append(request)
        self.traceparents.append(str(dict(context.invocation_metadata()).get("traceparent", "")))
        for opening in request.openings:
            if opening.message_id not in self.tickets:
                if opening.conversation_id not in self.live:
                    self.openings[opening.message_id] = opening
                    self.live[opening.conversation_id] = str(uuid4())
                self.tickets[opening.message_id] = self.live[opening.conversation_id]
        self.after(request)
        ids = [self.tickets[opening.message_id] for opening in request.openings]
        return ticket_service_pb2.OpenTicketsResponse(tickets=[answered(ticket_id) for ticket_id in ids])


def answered(ticket_id: str) -> ticket_service_pb2.OpenedTicket:
    return ticket_service_pb2.OpenedTicket(ticket_id=ticket_id, protocol="2" * 17 if ticket_id else "")


@dataclass
class Place:
    """A server that can go away and come back at the same address."""

    keys: Keys
    servicer: Publisher | Ticket
    port: int = 0
    server: grpc.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self.server, self.port = make_server(self.keys, self.address, [self.add])
        self.server.start()

    def add(self, server: grpc.Server) -> None:
        if isinstance(self.servicer, Ticket):
            ticket_service_pb2_grpc.add_TicketServiceServicer_to_server(self.servicer, server)
        else:
            publisher_service_pb2_grpc.add_PublisherServiceServicer_to_server(self.servicer, server)

    def stop(self) -> None:
        if self.server:
            self.server.stop(grace=None).wait()
            self.server = None
