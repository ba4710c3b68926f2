"""Whatever happens on the way, each occurrence becomes one ticket or is given up where somebody sees it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
import routing_neighbours as fakes
from guiche.ticket.v1.ticket_service_pb2 import AppendMessagesRequest, OpenTicketsRequest
from routing_arrivals import Full, arrive, make_due, refusing, route_all, rows, states
from routing_support import House
from sqlalchemy.exc import OperationalError

from routing import neighbours as calls
from routing import tasks
from routing.domain.occurrences import State
from routing.handlers import occurrences
from routing.neighbours import Neighbours
from routing.storage import occurrences as storage
from servicekit.database import Database
from servicekit.errors import InvalidRequest
from servicekit.events.inbox import MAX_ATTEMPTS
from servicekit.testing import eventually
from servicekit.tokens import TokenExpired


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
def test_a_clock_that_is_wrong_costs_no_attempt_and_loses_nothing(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    def expired(_: object) -> None:
        raise TokenExpired("The token has expired.")

    ticket.before_append, before = expired, ticket.before_append
    arrive(database, house, 3)
    for _ in range(MAX_ATTEMPTS + 1):
        route_all(database, neighbours)
        make_due(database)
    assert {(row.attempts, row.failed_at) for row in rows(database).values()} == {(0, None)}
    ticket.before_append = before
    route_all(database, neighbours)
    assert states(database) == [State.ROUTED] * 3


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
def test_a_message_that_was_appended_when_the_rest_of_its_batch_failed_keeps_its_ticket(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    conversation = uuid4()
    ticket.live[str(conversation)] = str(uuid4())
    [continued] = arrive(database, house, conversation=conversation, subject="Re: Assunto")
    [bad] = arrive(database, house)
    ticket.before = refusing(Full("Out of order."), ["Assunto 0"])
    route_all(database, neighbours)
    found = rows(database)
    assert str(found[continued].ticket_id) == ticket.live[str(conversation)]
    assert (found[bad].state, found[bad].attempts) == (State.NEW, 1)


@pytest.mark.usefixtures("rule")
def test_one_that_cannot_be_appended_is_given_up_and_stops_nobody(
    database: Database, house: House, neighbours: Neighbours, ticket: fakes.Ticket
) -> None:
    messages = arrive(database, house, 5)

    def refuse(request: AppendMessagesRequest) -> None:
        if str(messages[2]) in [one.message_id for one in request.messages]:
            raise InvalidRequest("Not welcome.")

    ticket.before_append = refuse
    route_all(database, neighbours)
    assert states(database) == [State.ROUTED] * 2 + [State.NEW] + [State.ROUTED] * 2
    with database.transaction() as connection:
        assert [failed.id for failed in storage.failed(connection)] == [messages[2]]


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

        def another_arrives() -> bool:
            try:
                return arrive(database, house) != []
            except OperationalError:
                # It got one of those that were cut.
                return False

        eventually(another_arrives)
        eventually(lambda: states(database) == [State.ROUTED] * 2, seconds=20)
