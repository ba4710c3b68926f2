"""What the tests of the ticket service share: a company with its attendants, and the API as neighbours call it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from guiche.common.v1 import access_pb2, reference_pb2
from guiche.ticket.v1 import (
    service_type_service_pb2,
    service_type_service_pb2_grpc,
    ticket_events_pb2,
    ticket_pb2,
    ticket_service_pb2,
    ticket_service_pb2_grpc,
    verb_service_pb2,
    verb_service_pb2_grpc,
)
from sqlalchemy import Connection, select

from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.events.outbox import OUTBOX
from servicekit.ids import new_id
from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer
from servicekit.rpc.server import make_server
from servicekit.tokens import Keys
from ticket import api
from ticket.storage import directory

NOW = datetime(2026, 3, 9, 15, 4, 5, 678_000, tzinfo=UTC)


@dataclass(frozen=True)
class Company:
    """Two organizations; the first has two departments, one of them with two levels."""

    id: UUID
    service: UUID
    finance: UUID
    n1: UUID
    n2: UUID
    money: UUID
    other_id: UUID
    ana: Attendant
    bruno: Attendant
    davi: Attendant
    fabio: Attendant
    gil: Attendant
    hugo: Attendant
    carla: Attendant
    elisa: Attendant
    vera: Attendant
    admin: Attendant
    stranger: Attendant


def found_company(connection: Connection) -> Company:
    ids = [new_id() for _ in range(15)]
    organization, service, finance, n1, n2, money, other, other_department, other_level = ids[:9]
    put = directory.keep_newest
    for id_, name in ((organization, "Demo"), (other, "Outra")):
        row = {"id": id_, "version": 1, "name": name, "time_zone": "America/Sao_Paulo"}
        put(connection, directory.ORGANIZATIONS, row)
    for id_, of, name in (
        (service, organization, "Atendimento"),
        (finance, organization, "Financeiro"),
        (other_department, other, "Atendimento"),
    ):
        put(connection, directory.DEPARTMENTS, {"id": id_, "version": 1, "organization_id": of, "name": name})
    for id_, of, department, name, position in (
        (n1, organization, service, "N1", 1),
        (n2, organization, service, "N2", 2),
        (money, organization, finance, "N1", 1),
        (other_level, other, other_department, "N1", 1),
    ):
        row = {"id": id_, "version": 1, "organization_id": of, "department_id": department, "name": name}
        put(connection, directory.LEVELS, {**row, "position": position})

    def attendant(
        name: str, levels: Sequence[UUID], roles: Sequence[tuple[str, UUID | None]] = (), of: UUID = organization
    ) -> Attendant:
        id_ = new_id()
        held = [{"role": role, "department_id": str(place or "")} for role, place in roles]
        row = {"id": id_, "version": 1, "organization_id": of, "name": name, "active": True, "level_ids": list(levels)}
        put(connection, directory.ATTENDANTS, {**row, "roles": held})
        return Attendant(str(id_), str(of))

    return Company(
        organization,
        service,
        finance,
        n1,
        n2,
        money,
        other,
        ana=attendant("Ana Souza", [n1]),
        bruno=attendant("Bruno Lima", [n1]),
        davi=attendant("Davi Reis", [money]),
        fabio=attendant("Fábio Alves", [n1, n2, money]),
        gil=attendant("Gil Nunes", [n1, n2], [("VIEWER", None)]),
        hugo=attendant("Hugo Sá", [n1], [("APPROVER", None)]),
        carla=attendant("Carla Dias", [], [("SUPERVISOR", service)]),
        elisa=attendant("Elisa Melo", [], [("APPROVER", None)]),
        vera=attendant("Vera Luz", [], [("VIEWER", None)]),
        admin=attendant("Admin", [], [("ADMINISTRATOR", None)]),
        stranger=attendant("Estranho", [other_level], of=other),
    )


class Clock:
    """A clock that moves one second at each look, so that orders are certain."""

    def __init__(self) -> None:
        self.now = NOW
        self.step = timedelta(seconds=1)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now

    def stand(self) -> None:
        self.step = timedelta(0)


class Calls:
    """The API as neighbours reach it: over a real gRPC server, with signed tokens."""

    def __init__(self, gateway: Peer, routing: Peer) -> None:
        self.gateway = gateway
        self.routing = routing
        self.stub = ticket_service_pb2_grpc.TicketServiceStub(gateway.channel)
        self.verbs = verb_service_pb2_grpc.VerbServiceStub(gateway.channel)
        self.types = service_type_service_pb2_grpc.ServiceTypeServiceStub(gateway.channel)
        self.inner = ticket_service_pb2_grpc.TicketServiceStub(routing.channel)

    def open(self, company: Company, level: UUID, count: int = 1, **said: object) -> list[str]:
        openings = [opening(company, level, **said) for _ in range(count)]
        answer = self.routing.call(
            self.inner.OpenTickets, ticket_service_pb2.OpenTicketsRequest(openings=openings), timeout=20
        )
        return [opened.ticket_id for opened in answer.tickets]

    def start(self, who: Attendant, ticket_id: str, **said: str) -> ticket_pb2.Ticket:
        return self.act(who, "StartTicket", ticket_id, **said)

    def act(self, who: Attendant, rpc: str, ticket_id: str, **said: Any) -> ticket_pb2.Ticket:
        """A verb of VerbService, by its name: "StartTicket", "AwaitReply", …"""
        request = getattr(verb_service_pb2, f"{rpc}Request")(ticket_id=ticket_id, **said)
        # A failure that is logged with all its frames may take seconds on a busy machine.
        answer = self.gateway.call(getattr(self.verbs, rpc), request, who, timeout=30)
        ticket: ticket_pb2.Ticket = answer.ticket
        return ticket

    def reply(self, who: Attendant, ticket_id: str, then: str, **said: Any) -> ticket_pb2.Ticket:
        """then: the status it is sent as."""
        given = {"message_id": str(new_id()), "then_status": f"TICKET_STATUS_{then}", **said}
        return self.act(who, "ReplyTicket", ticket_id, **given)

    def append(self, company: Company, *conversation_ids: str, **said: Any) -> list[ticket_service_pb2.OpenedTicket]:
        """A message of the customer on each conversation, in one batch."""
        messages = [appended(company, conversation_id, **said) for conversation_id in conversation_ids]
        request = ticket_service_pb2.AppendMessagesRequest(messages=messages)
        return list(self.routing.call(self.inner.AppendMessages, request).tickets)

    def types_call(self, who: Attendant, rpc: str, **said: Any) -> Any:
        """A call of ServiceTypeService, by its name: "CreateServiceType", …"""
        request = getattr(service_type_service_pb2, f"{rpc}Request")(**said)
        return self.gateway.call(getattr(self.types, rpc), request, who)

    def authorize(self, who: Attendant, ticket_id: str, action: str, **said: str) -> str:
        request = ticket_service_pb2.AuthorizeTicketRequest(
            ticket_id=ticket_id, action=access_pb2.GrantAction.Value(f"GRANT_ACTION_{action}"), **said
        )
        return self.gateway.call(self.stub.AuthorizeTicket, request, who).grant

    def get(self, who: Attendant, ticket_id: str) -> ticket_pb2.Ticket:
        return self.gateway.call(
            self.stub.GetTicket, ticket_service_pb2.GetTicketRequest(ticket_id=ticket_id), who
        ).ticket

    def tickets(self, who: Attendant, **said: object) -> ticket_service_pb2.ListTicketsResponse:
        return self.gateway.call(self.stub.ListTickets, ticket_service_pb2.ListTicketsRequest(**said), who)  # type: ignore[arg-type]

    def ids(self, who: Attendant, **said: object) -> list[str]:
        return [ticket.id for ticket in self.tickets(who, **said).tickets]

    def counts(self, who: Attendant) -> ticket_service_pb2.CountTicketsResponse:
        return self.gateway.call(self.stub.CountTickets, ticket_service_pb2.CountTicketsRequest(), who)

    def history(self, who: Attendant, ticket_id: str, **said: object) -> ticket_service_pb2.ListInteractionsResponse:
        request = ticket_service_pb2.ListInteractionsRequest(ticket_id=ticket_id, **said)  # type: ignore[arg-type]
        return self.gateway.call(self.stub.ListInteractions, request, who)


@contextmanager
def serving(database: Database, keys_of: Callable[[str], Keys], clock: Clock) -> Iterator[Calls]:
    servicers = api.servicers(database, keys_of("ticket"), clock)
    server, port = make_server(keys_of("ticket"), "127.0.0.1:0", servicers)
    server.start()
    peers = [Peer(keys_of(name), "ticket", f"127.0.0.1:{port}") for name in ("gateway", "routing")]
    try:
        yield Calls(*peers)
    finally:
        for peer in peers:
            peer.close()
        server.stop(grace=None).wait()


def opening(company: Company, level: UUID, **said: object) -> ticket_service_pb2.TicketOpening:
    given = {
        "message_id": str(new_id()),
        "organization_id": str(company.id),
        "conversation_id": str(new_id()),
        "publisher_id": str(new_id()),
        "publisher_name": "Maria Cliente",
        "department_id": str(company.finance if level == company.money else company.service),
        "level_id": str(level),
        "priority": ticket_pb2.TICKET_PRIORITY_MEDIUM,
        "platform": reference_pb2.PLATFORM_EMAIL,
        "subject": "Boleto não chegou",
        "snippet": "Bom dia, meu boleto…",
    }
    made = ticket_service_pb2.TicketOpening(**{**given, **said})  # type: ignore[arg-type]
    made.occurred_at.FromDatetime(NOW)
    return made


def appended(company: Company, conversation_id: str, **said: Any) -> ticket_service_pb2.AppendedMessage:
    given = {
        "message_id": str(new_id()),
        "organization_id": str(company.id),
        "conversation_id": conversation_id,
        "publisher_id": str(new_id()),
        "publisher_name": "Maria Cliente",
        "snippet": "Ainda não chegou…",
    }
    return ticket_service_pb2.AppendedMessage(**{**given, **said})


def status(ticket: ticket_pb2.Ticket) -> str:
    return ticket_pb2.TicketStatus.Name(ticket.status).removeprefix("TICKET_STATUS_")


def kinds(calls: Calls, who: Attendant, ticket_id: str) -> list[str]:
    entries = calls.history(who, ticket_id).interactions
    return [ticket_events_pb2.InteractionKind.Name(entry.kind).removeprefix("INTERACTION_KIND_") for entry in entries]


def told(database: Database, event_type: type) -> list[object]:
    with database.transaction() as connection:
        query = select(OUTBOX.c.payload).where(OUTBOX.c.type == event_type.DESCRIPTOR.full_name)
        return [event_type.FromString(payload) for payload in connection.scalars(query.order_by(OUTBOX.c.position))]


def refused(act: Callable[[], object]) -> Failure:
    with pytest.raises(Failure) as refusal:
        act()
    return refusal.value
