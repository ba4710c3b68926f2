"""Each RPC of VerbService is the verb it is called after, over a real gRPC server and on a real database."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from google.api import annotations_pb2
from guiche.ticket.v1 import ticket_pb2, verb_service_pb2
from sqlalchemy import update
from ticket_support import Calls, Company, kinds, refused, told

from servicekit.database import Database
from servicekit.ids import new_id
from ticket.domain.facts import Facts, Priority, Status
from ticket.domain.verbs import FOR_ATTENDANTS, KINDS, Asked, Verb, Wait, perform
from ticket.events import event_type
from ticket.handlers import service_types
from ticket.handlers.reading import viewer
from ticket.storage import tickets

RPCS = {method.name: method for method in verb_service_pb2.DESCRIPTOR.services_by_name["VerbService"].methods}


def verb_called(rpc: str) -> str:
    """start of StartTicket, setStatus of SetStatus."""
    name = rpc.removesuffix("Ticket")
    return name[0].lower() + name[1:]


def given(verb: Verb, service_type: UUID) -> tuple[dict[str, Any], Asked]:
    """What a verb is told besides the ticket, as its request says it and as the table hears it."""
    resolved = ticket_pb2.TICKET_STATUS_RESOLVED
    known: dict[Verb, tuple[dict[str, Any], Asked]] = {
        Verb.REPLY: ({"message_id": str(new_id()), "then_status": resolved}, Asked(Status.RESOLVED)),
        Verb.AWAIT: ({"mode": verb_service_pb2.AWAIT_MODE_RELEASE}, Asked(wait=Wait(release=True))),
        Verb.SET_STATUS: ({"status": resolved}, Asked(Status.RESOLVED)),
        Verb.SET_PRIORITY: ({"priority": ticket_pb2.TICKET_PRIORITY_HIGH}, Asked(priority=Priority.HIGH)),
        Verb.SET_SERVICE_TYPE: ({"service_type_id": str(service_type)}, Asked(service_type=(service_type, {}))),
    }
    return known.get(verb, ({}, Asked()))


def situations(company: Company) -> Iterator[Facts]:
    """Every status: unheld, held by Ana, and released by her."""
    ana = UUID(company.ana.id)
    for status, (holder, released) in product(Status, ((None, False), (ana, False), (ana, True))):
        if (holder or status is not Status.STARTED) and not (released and status is Status.CLOSED):
            yield Facts(status, company.service, company.n1, holder, released)


def put(database: Database, ticket_id: str, facts: Facts) -> None:
    with database.transaction() as connection:
        table = tickets.TICKETS
        connection.execute(update(table).where(table.c.id == UUID(ticket_id)).values(tickets.columns_of(facts)))


def facts_now(database: Database, company: Company, ticket_id: str) -> Facts:
    with database.transaction() as connection:
        row = tickets.find(connection, company.id, UUID(ticket_id))
        assert row is not None
        return tickets.facts_of(row)


def test_every_verb_of_attendants_has_an_rpc_and_every_rpc_is_a_verb() -> None:
    assert {verb_called(rpc) for rpc in RPCS} == set(FOR_ATTENDANTS)


@pytest.mark.parametrize("rpc", RPCS)
def test_every_rpc_is_reached_by_the_name_of_its_verb(rpc: str) -> None:
    route = RPCS[rpc].GetOptions().Extensions[annotations_pb2.http]
    # An answer goes by way of mail, which prepares the message; and what replaces a part of the ticket is put.
    by = {"ReplyTicket": "", "SetServiceType": "/serviceType"}.get(rpc, f":{verb_called(rpc)}")
    assert (route.post or route.put).removeprefix("/api/v1/tickets/{ticket_id}") == by


@pytest.mark.parametrize("rpc", RPCS)
def test_every_rpc_is_performed_or_refused_as_the_table_says_of_its_verb(
    calls: Calls, company: Company, database: Database, rpc: str
) -> None:
    verb = Verb(verb_called(rpc))
    people = {"ana": company.ana, "carla": company.carla}
    with database.transaction() as connection:
        viewers = {name: viewer(connection, company.id, UUID(who.id)) for name, who in people.items()}
        service_type = service_types.create(connection, company.id, service_types.Definition("Pedido", [], [])).id
    outcomes = set()
    cases = list(product(people, situations(company)))
    for (name, facts), ticket_id in zip(cases, calls.open(company, company.n1, len(cases)), strict=True):
        put(database, ticket_id, facts)
        said, asked = given(verb, service_type)
        expected = perform(verb, facts, viewers[name], asked)
        if expected is None:
            failure = refused(partial(calls.act, people[name], rpc, ticket_id, **said))
            assert failure.reason in ("TRANSITION_NOT_ALLOWED", "TICKET_ALREADY_STARTED"), (name, facts)
            assert failure.metadata.get("verb", verb) == verb
        else:
            calls.act(people[name], rpc, ticket_id, **said)
        assert facts_now(database, company, ticket_id) == (expected or facts), (name, facts)
        acted = expected is not None and (expected != facts or verb is Verb.REPLY)
        assert kinds(calls, company.carla, ticket_id) == (["OPENED", KINDS[verb]] if acted else ["OPENED"]), (
            name,
            facts,
        )
        outcomes.add(acted)
    assert outcomes == {True, False}
    assert told(database, event_type(verb))
