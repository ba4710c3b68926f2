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
def test_occurrences_of_one_conversation_reach_tickets_in_the_order_they_arrived(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    together, alone = uuid4(), uuid4()
    first = arrive(database, house, 3, together)
    other = arrive(database, house, 1, alone)
    route_all(database, neighbours)
    assert [[one.message_id for one in call.messages] for call in ticket.append_calls] == [
        [str(first[0]), str(other[0])],
        [str(first[1])],
        [str(first[2])],
    ]
    assert list(ticket.openings) == [str(first[0]), str(other[0])]
    assert list(ticket.appended) == [str(first[1]), str(first[2])]
    found = rows(database)
    assert [found[message].state for message in first] == [State.ROUTED] * 3
    assert {str(found[message].ticket_id) for message in first} == {ticket.live[str(together)]}


def test_a_message_of_a_live_ticket_needs_no_rule(
    database: Database, house: House, neighbours: Neighbours, publisher: fakes.Publisher, ticket: fakes.Ticket
) -> None:
    conversation, trace = uuid4(), f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"
    ticket.live[str(conversation)] = str(uuid4())
    [message] = arrive(database, house, conversation=conversation, account=uuid4(), traceparent=trace)
    route_all(database, neighbours)
    row = rows(database)[message]
    assert (row.state, row.reason, str(row.ticket_id)) == (State.ROUTED, "", ticket.live[str(conversation)])
    appended = ticket.appended[str(message)]
    assert (appended.organization_id, appended.conversation_id) == (str(house.organization), str(conversation))
    assert (appended.publisher_id, appended.snippet) == (publisher.ids["maria0@exemplo.com"], "Bom dia")
    assert appended.traceparent == trace
    assert ticket.calls == []


@pytest.mark.usefixtures("rule")
def test_a_batch_of_messages_with_and_without_live_tickets_takes_one_call_of_each_kind(
    database: Database, house: House, neighbours: Neighbours, publisher: fakes.Publisher, ticket: fakes.Ticket
) -> None:
    live = [uuid4() for _ in range(5)]
    ticket.live.update({str(conversation): str(uuid4()) for conversation in live})
    continued = [arrive(database, house, conversation=conversation)[0] for conversation in live]
    ruleless = arrive(database, house, 2, account=uuid4())
    new = arrive(database, house, 3)
    route_all(database, neighbours)
    assert [len(call.messages) for call in ticket.append_calls] == [10]
    assert [[one.message_id for one in call.openings] for call in ticket.calls] == [[str(one) for one in new]]
    assert len(publisher.calls) == 1
    found = rows(database)
    assert [str(found[one].ticket_id) for one in continued] == [ticket.live[str(one)] for one in live]
    assert [str(found[one].ticket_id) for one in new] == [ticket.tickets[str(one)] for one in new]
    assert [found[one].state for one in ruleless] == [State.WAITING] * 2


@pytest.mark.usefixtures("rule")
def test_a_message_for_a_closed_ticket_opens_a_new_one(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    conversation = uuid4()
    [first] = arrive(database, house, conversation=conversation)
    route_all(database, neighbours)
    del ticket.live[str(conversation)]
    [later] = arrive(database, house, conversation=conversation)
    route_all(database, neighbours)
    assert rows(database)[later].ticket_id != rows(database)[first].ticket_id
    assert ticket.openings[str(later)].conversation_id == str(conversation)


@pytest.mark.usefixtures("rule")
def test_no_transaction_is_open_while_neighbours_are_called(
    database: Database, house: House, neighbours: Neighbours, publisher: fakes.Publisher, ticket: fakes.Ticket
) -> None:
    opened: list[int] = []

    def look(_: object) -> None:
        opened.append(database.engine.pool.checkedout())  # type: ignore[attr-defined]

    publisher.before = ticket.before = ticket.before_append = look
    arrive(database, house, 3)
    route_all(database, neighbours)
    assert opened == [0, 0, 0]


@pytest.mark.usefixtures("rule")
def test_two_routers_at_once_route_each_occurrence_once(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    messages = arrive(database, house, 150) + arrive(database, house, 20, uuid4())
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: route_all(database, neighbours), range(2)))
    route_all(database, neighbours)
    assert states(database) == [State.ROUTED] * 170
    called = [one.message_id for call in ticket.append_calls for one in call.messages]
    assert sorted(called) == sorted(map(str, messages))
    assert len(ticket.openings) == 151


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
