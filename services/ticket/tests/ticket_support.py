"""What the tests of the ticket service share: a company with its attendants, and the API as neighbours call it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from guiche.common.v1 import reference_pb2
from guiche.ticket.v1 import ticket_pb2, ticket_service_pb2, ticket_service_pb2_grpc
from sqlalchemy import Connection

from servicekit.database import Database
from servicekit.ids import new_id
from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer
from servicekit.rpc.server import make_server
from servicekit.tokens import Keys
from ticket.api import TicketApi, add_to
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
    carla: Attendant
    elisa: Attendant
    vera: Attendant
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
        carla=attendant("Carla Dias", [], [("SUPERVISOR", service)]),
        elisa=attendant("Elisa Melo", [], [("APPROVER", None)]),
        vera=attendant("Vera Luz", [], [("VIEWER", None)]),
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
        self.inner = ticket_service_pb2_grpc.TicketServiceStub(routing.channel)

    def open(self, company: Company, level: UUID, count: int = 1, **said: object) -> list[str]:
        openings = [opening(company, level, **said) for _ in range(count)]
        answer = self.routing.call(
            self.inner.OpenTickets, ticket_service_pb2.OpenTicketsRequest(openings=openings), timeout=20
        )
        return [opened.ticket_id for opened in answer.tickets]

    def start(self, who: Attendant, ticket_id: str, **said: str) -> ticket_pb2.Ticket:
        request = ticket_service_pb2.StartTicketRequest(ticket_id=ticket_id, **said)
        return self.gateway.call(self.stub.StartTicket, request, who).ticket

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
    api = TicketApi(database, keys_of("ticket"), clock)
    server, port = make_server(keys_of("ticket"), "127.0.0.1:0", [add_to(api)])
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
