"""Occurrences become tickets, once each, whatever happens on the way."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
import routing_neighbours as fakes
from guiche.common.v1 import reference_pb2
from guiche.ticket.v1 import ticket_pb2
from guiche.ticket.v1.ticket_service_pb2 import OpenTicketsRequest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from routing_support import ACCOUNT, House
from sqlalchemy import func, select

from routing import neighbours as calls
from routing import tasks
from routing.domain.occurrences import Occurrence, Place, Reason, State
from routing.handlers import occurrences, rules
from routing.neighbours import Neighbours
from routing.storage import occurrences as storage
from routing.storage.tables import OCCURRENCES
from servicekit.database import Database
from servicekit.errors import Failure, InvalidRequest
from servicekit.events.inbox import MAX_ATTEMPTS
from servicekit.testing import eventually


class Full(Failure):
    code = grpc.StatusCode.INTERNAL


def arrive(
    database: Database,
    house: House,
    count: int = 1,
    conversation: UUID | None = None,
    account: UUID = ACCOUNT,
    **fields: Any,
) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    with database.transaction() as connection:
        for number, occurrence_id in enumerate(ids):
            given = {
                "platform": "EMAIL",
                "sender_name": "Maria",
                "sender_address": f"maria{number}@exemplo.com",
                "subject": f"Assunto {number}",
                "snippet": "Bom dia",
                "occurred_at": datetime(2026, 3, 4, tzinfo=UTC),
                "traceparent": "",
            }
            where = (occurrence_id, house.organization, account, conversation or uuid4())
            occurrences.receive(connection, Occurrence(*where, **{**given, **fields}), automatic="")
    return ids


def rows(database: Database) -> dict[UUID, Any]:
    with database.transaction() as connection:
        return {row.id: row for row in connection.execute(select(OCCURRENCES).order_by(OCCURRENCES.c.position))}


def states(database: Database) -> list[str]:
    return [row.state for row in rows(database).values()]


def make_due(database: Database) -> None:
    """As if every back-off and lease had passed."""
    with database.transaction() as connection:
        connection.execute(OCCURRENCES.update().values(next_at=func.clock_timestamp()))


def route_all(database: Database, neighbours: Neighbours) -> None:
    while tasks.route_due(database, neighbours)[0]:
        pass


def refusing(failure: Failure, subjects: Sequence[str]) -> Callable[[OpenTicketsRequest], None]:
    def refuse(request: OpenTicketsRequest) -> None:
        if any(opening.subject in subjects for opening in request.openings):
            raise failure

    return refuse


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


# What goes wrong.


@pytest.mark.usefixtures("rule")
def test_a_refused_one_is_given_up_and_stops_nobody(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    messages = arrive(database, house, 20)
    ticket.before = refusing(InvalidRequest("The subject is not welcome."), ["Assunto 7"])
    route_all(database, neighbours)
    assert states(database) == [State.ROUTED] * 7 + [State.NEW] + [State.ROUTED] * 12
    with database.transaction() as connection:
        [failed] = storage.failed(connection)
    assert failed.id == messages[7]
    assert "not welcome" in failed.last_error
    tasks.measure(database)
    assert {state: tasks.OCCURRENCES.labels(state)._value.get() for state in ("due", "failed", "waiting")} == {
        "due": 0,
        "failed": 1,
        "waiting": 0,
    }


@pytest.mark.usefixtures("rule")
def test_a_given_up_one_is_routed_once_somebody_redrives_it(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    messages = arrive(database, house, 3)
    ticket.before = refusing(InvalidRequest("Not welcome."), ["Assunto 0", "Assunto 2"])
    route_all(database, neighbours)
    ticket.before = lambda _: None
    with database.transaction() as connection:
        assert occurrences.redrive(connection, {messages[2], messages[1], uuid4()}) == 1
    route_all(database, neighbours)
    assert states(database) == [State.NEW, State.ROUTED, State.ROUTED]
    with database.transaction() as connection:
        assert occurrences.redrive(connection) == 1
    route_all(database, neighbours)
    assert states(database) == [State.ROUTED] * 3


@pytest.mark.usefixtures("rule")
def test_a_given_up_one_does_not_hold_up_its_conversation(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    arrive(database, house, 2, uuid4())
    ticket.before = refusing(InvalidRequest("Not welcome."), ["Assunto 0"])
    route_all(database, neighbours)
    assert states(database) == [State.NEW, State.ROUTED]


@pytest.mark.usefixtures("rule")
def test_a_neighbours_defect_is_tried_again_later_and_given_up_in_the_end(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    bad, good = arrive(database, house, 2)
    ticket.before = refusing(Full("Out of order."), ["Assunto 0"])
    attempts = []
    for _ in range(20):
        route_all(database, neighbours)
        attempts.append(rows(database)[bad].attempts)
        make_due(database)
    assert rows(database)[good].state == State.ROUTED
    assert attempts[:4] == [1, 2, 3, 4]
    assert rows(database)[bad].failed_at is not None
    assert max(attempts) < 20


@pytest.mark.usefixtures("rule")
@pytest.mark.parametrize("away", ["ticket", "publisher"])
def test_an_outage_costs_no_attempt_and_loses_nothing(
    database: Database, house: House, neighbours: Neighbours, places: dict[str, fakes.Place], away: str
) -> None:
    places[away].stop()
    arrive(database, house, 5)
    for _ in range(MAX_ATTEMPTS + 1):
        route_all(database, neighbours)
        make_due(database)
    assert states(database) == [State.NEW] * 5
    assert {(row.attempts, row.failed_at) for row in rows(database).values()} == {(0, None)}
    places[away].start()

    def drained() -> bool:
        make_due(database)
        route_all(database, neighbours)
        return states(database) == [State.ROUTED] * 5

    eventually(drained)


@pytest.mark.usefixtures("rule")
def test_one_that_takes_a_neighbour_too_long_is_set_aside_and_never_given_up(
    database: Database,
    house: House,
    neighbours: Neighbours,
    ticket: fakes.Ticket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls, "TIMEOUT", 0.5)
    released = threading.Event()

    def hang(request: OpenTicketsRequest) -> None:
        if any(opening.subject == "Assunto 1" for opening in request.openings):
            released.wait(30)

    ticket.before = hang
    messages = arrive(database, house, 6)
    for _ in range(3):
        route_all(database, neighbours)
        make_due(database)
    assert states(database) == [State.ROUTED, State.NEW] + [State.ROUTED] * 4
    slow = rows(database)[messages[1]]
    assert (slow.attempts, slow.failed_at) == (1, None)
    released.set()
    monkeypatch.setattr(calls, "TIMEOUT", 10.0)
    route_all(database, neighbours)
    assert states(database) == [State.ROUTED] * 6


@pytest.mark.usefixtures("rule")
def test_an_answer_that_was_lost_leads_to_the_same_ticket(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    [message] = arrive(database, house)

    def lose(_: object) -> None:
        raise Full("The answer is lost.")

    ticket.after = lose
    route_all(database, neighbours)
    assert states(database) == [State.NEW]
    opened = ticket.tickets[str(message)]
    ticket.after = lambda _: None
    make_due(database)
    route_all(database, neighbours)
    assert str(rows(database)[message].ticket_id) == opened


@pytest.mark.usefixtures("rule")
def test_what_a_killed_worker_had_claimed_is_routed_after_its_lease(
    database: Database, house: House, neighbours: Neighbours
) -> None:
    arrive(database, house, 3)
    with database.transaction() as connection:
        assert len(storage.claim(connection, 50, timedelta(seconds=60))) == 3
    assert tasks.route_due(database, neighbours) == (0, None)
    make_due(database)
    route_all(database, neighbours)
    assert states(database) == [State.ROUTED] * 3


@pytest.mark.usefixtures("rule")
def test_one_that_kills_its_worker_each_time_is_given_up(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    deadly, _ = arrive(database, house, 2)
    for _ in range(MAX_ATTEMPTS):
        with database.transaction() as connection:
            storage.claim(connection, 1, timedelta(seconds=0))
    route_all(database, neighbours)
    with database.transaction() as connection:
        assert [failed.id for failed in storage.failed(connection)] == [deadly]
    assert states(database) == [State.NEW, State.ROUTED]


@pytest.mark.usefixtures("rule")
def test_a_worker_that_comes_too_late_changes_nothing(database: Database, house: House, neighbours: Neighbours) -> None:
    [message] = arrive(database, house)
    with database.transaction() as connection:
        [late] = storage.claim(connection, 50, timedelta(seconds=0))
    make_due(database)
    route_all(database, neighbours)
    before = rows(database)[message]
    with database.transaction() as connection:
        storage.settle(connection, [storage.Routed(message, None, uuid4(), "")])
        tasks.put_back(connection, late, InvalidRequest("Too late."))
        tasks.put_back(connection, late, Full("Too late."))
    after = rows(database)[message]
    assert (after.state, after.ticket_id, after.publisher_id) == (before.state, before.ticket_id, before.publisher_id)
    with database.transaction() as connection:
        assert storage.failed(connection) == []
    assert tasks.route_due(database, neighbours) == (0, None)


# The loop.


@contextmanager
def running(database: Database, neighbours: Neighbours) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=tasks.router(database, neighbours), args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.usefixtures("rule")
def test_the_loop_routes_what_arrives_and_survives_an_outage(
    database: Database, house: House, neighbours: Neighbours, places: dict[str, fakes.Place]
) -> None:
    with running(database, neighbours):
        arrive(database, house, 3)
        eventually(lambda: states(database) == [State.ROUTED] * 3)
        places["ticket"].stop()
        arrive(database, house, 5)
        eventually(lambda: any(row.last_error for row in rows(database).values()))
        places["ticket"].start()
        eventually(lambda: states(database) == [State.ROUTED] * 8, seconds=30)


@pytest.mark.usefixtures("rule")
def test_the_loop_survives_the_loss_of_its_database_connections(
    database: Database, house: House, neighbours: Neighbours
) -> None:
    with running(database, neighbours):
        arrive(database, house)
        eventually(lambda: states(database) == [State.ROUTED])
        with database.direct() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        eventually(lambda: arrive(database, house) != [])
        eventually(lambda: states(database) == [State.ROUTED] * 2, seconds=20)


# The trace.


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
