"""Occurrences become tickets, once each, in the place of their rule."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import routing_neighbours as fakes
from guiche.common.v1 import reference_pb2
from guiche.ticket.v1 import ticket_pb2
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from routing_arrivals import arrive, route_all, rows, states
from routing_support import ACCOUNT, House

from routing.domain.occurrences import Occurrence, Place, Reason, State
from routing.handlers import occurrences, rules
from routing.neighbours import Neighbours
from routing.storage import occurrences as storage
from servicekit.database import Database


@pytest.mark.usefixtures("rule")
def test_an_occurrence_becomes_a_ticket_in_the_place_of_the_mailboxs_rule(
    database: Database, house: House, neighbours: Neighbours, publisher: fakes.Publisher, ticket: fakes.Ticket
) -> None:
    conversation = uuid4()
    [message] = arrive(database, house, conversation=conversation)
    route_all(database, neighbours)
    row = rows(database)[message]
    assert (row.state, row.reason, row.last_error) == (State.ROUTED, "", "")
    assert str(row.ticket_id) == ticket.tickets[str(message)]
    assert str(row.publisher_id) == publisher.ids["maria0@exemplo.com"]
    opening = ticket.openings[str(message)]
    assert opening.organization_id == str(house.organization)
    assert (opening.department_id, opening.level_id) == (str(house.service), str(house.n1))
    assert opening.priority == ticket_pb2.TICKET_PRIORITY_HIGH
    assert opening.platform == reference_pb2.PLATFORM_EMAIL
    assert (opening.subject, opening.snippet) == ("Assunto 0", "Bom dia")
    assert opening.conversation_id == str(conversation)
    assert opening.publisher_id == str(row.publisher_id)
    assert opening.occurred_at.ToDatetime(UTC) == row.occurred_at
    [identity] = publisher.calls[0].identities
    assert (identity.value, identity.display_name) == ("maria0@exemplo.com", "Maria")


@pytest.mark.usefixtures("rule")
def test_one_without_sender_becomes_a_ticket_of_nobody(
    database: Database, house: House, neighbours: Neighbours, publisher: fakes.Publisher, ticket: fakes.Ticket
) -> None:
    [message] = arrive(database, house, sender_address="")
    route_all(database, neighbours)
    assert rows(database)[message].state == State.ROUTED
    assert ticket.openings[str(message)].publisher_id == ""
    assert publisher.calls == []


@pytest.mark.usefixtures("rule")
def test_senders_are_not_mixed_up_with_those_who_name_none(
    database: Database, house: House, neighbours: Neighbours, publisher: fakes.Publisher, ticket: fakes.Ticket
) -> None:
    [nobody] = arrive(database, house, sender_address="")
    named = arrive(database, house, 2)
    route_all(database, neighbours)
    assert len(ticket.calls) == 1
    given = {message: opening.publisher_id for message, opening in ticket.openings.items()}
    expected = [publisher.ids[f"maria{n}@exemplo.com"] for n in range(2)]
    assert [given[str(message)] for message in (nobody, *named)] == ["", *expected]


@pytest.mark.usefixtures("rule")
def test_dismissed_ones_are_never_routed(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    with database.transaction() as connection:
        where = (uuid4(), house.organization, ACCOUNT, uuid4())
        automatic = Occurrence(*where, "EMAIL", "", "", "", "", datetime(2026, 3, 4, tzinfo=UTC), "")
        occurrences.receive(connection, automatic, automatic="bounce")
    route_all(database, neighbours)
    assert ticket.calls == []
    assert states(database) == [State.DISMISSED]


def test_without_a_rule_it_waits_until_there_is_one(
    database: Database, house: House, neighbours: Neighbours, publisher: fakes.Publisher, ticket: fakes.Ticket
) -> None:
    [message] = arrive(database, house)
    route_all(database, neighbours)
    row = rows(database)[message]
    assert (row.state, row.reason, row.ticket_id) == (State.WAITING, Reason.NO_RULE, None)
    assert str(row.publisher_id) == publisher.ids["maria0@exemplo.com"]
    assert ticket.calls == []
    with database.transaction() as connection:
        rules.add_rule(connection, house.organization, ACCOUNT, house.n2)
        assert occurrences.redrive(connection, waiting=True) == 1
    route_all(database, neighbours)
    assert ticket.openings[str(message)].level_id == str(house.n2)
    assert states(database) == [State.ROUTED]


def test_the_first_rule_of_the_account_and_of_the_organization_decides(database: Database, house: House) -> None:
    with database.transaction() as connection:
        rules.add_rule(connection, house.organization, ACCOUNT, house.payments, position=2)
        rules.add_rule(connection, house.organization, ACCOUNT, house.n2, "LOW", position=1)
        found = storage.places(connection, {(house.organization, ACCOUNT), (uuid4(), ACCOUNT)})
    assert found == {(house.organization, ACCOUNT): Place(house.service, house.n2, "LOW")}


@pytest.mark.usefixtures("rule")
def test_a_hundred_and_twenty_take_three_calls_of_each_neighbour(
    database: Database, house: House, neighbours: Neighbours, publisher: fakes.Publisher, ticket: fakes.Ticket
) -> None:
    arrive(database, house, 120)
    route_all(database, neighbours)
    assert states(database) == [State.ROUTED] * 120
    assert [len(call.openings) for call in ticket.calls] == [50, 50, 20]
    assert [len(call.identities) for call in publisher.calls] == [50, 50, 20]


@pytest.mark.usefixtures("rule")
def test_occurrences_of_one_conversation_open_in_the_order_they_arrived(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    together, alone = uuid4(), uuid4()
    first = arrive(database, house, 3, together)
    other = arrive(database, house, 1, alone)
    route_all(database, neighbours)
    assert [[o.message_id for o in call.openings] for call in ticket.calls] == [
        [str(first[0]), str(other[0])],
        [str(first[1])],
        [str(first[2])],
    ]


@pytest.mark.usefixtures("rule")
def test_no_transaction_is_open_while_neighbours_are_called(
    database: Database, house: House, neighbours: Neighbours, publisher: fakes.Publisher, ticket: fakes.Ticket
) -> None:
    opened: list[int] = []

    def look(_: object) -> None:
        opened.append(database.engine.pool.checkedout())  # type: ignore[attr-defined]

    publisher.before = ticket.before = look
    arrive(database, house, 3)
    route_all(database, neighbours)
    assert opened == [0, 0]


@pytest.mark.usefixtures("rule")
def test_two_routers_at_once_route_each_occurrence_once(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    messages = arrive(database, house, 150) + arrive(database, house, 20, uuid4())
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: route_all(database, neighbours), range(2)))
    route_all(database, neighbours)
    assert states(database) == [State.ROUTED] * 170
    called = [opening.message_id for call in ticket.calls for opening in call.openings]
    assert sorted(called) == sorted(map(str, messages))


@pytest.fixture
def tracing() -> None:
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())


@pytest.mark.usefixtures("rule", "tracing")
def test_the_ticket_is_opened_in_the_trace_of_its_occurrence(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    trace_id = uuid4().hex
    arrive(database, house, traceparent=f"00-{trace_id}-{uuid4().hex[:16]}-01")
    route_all(database, neighbours)
    assert [traceparent.split("-")[1] for traceparent in ticket.traceparents] == [trace_id]
