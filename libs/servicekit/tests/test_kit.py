"""The small parts: page tokens, idempotency, tokens, waking, watching."""

import base64
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from grpc import StatusCode
from guiche.publisher.v1.publisher_events_pb2 import PublisherChanged
from guiche.ticket.v1.ticket_pb2 import Ticket
from guiche.ticket.v1.verb_service_pb2 import StartTicketRequest, StartTicketResponse
from sample import WORK
from scene import at_once, query
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError

from servicekit import watch
from servicekit.config import Settings
from servicekit.database import Database, hear, poke
from servicekit.errors import Failure
from servicekit.events import claims, topology
from servicekit.idempotency import RequestIdReused, forget, once
from servicekit.ids import new_id
from servicekit.pages import PageTokenInvalid, make_token, read_token, secret_of
from servicekit.testing import MakeDatabase, eventually
from servicekit.tokens import Keys, TokenExpired, TokenInvalid

KeysOf = Callable[[str], Keys]


def test_a_page_token_leads_back_to_its_position(keys_of: KeysOf) -> None:
    secret = secret_of(keys_of("ticket"))
    assert read_token(secret, "ana", make_token(secret, "ana", ["2026", 7])) == ["2026", 7]


def test_a_page_token_of_another_scope_service_or_forger_is_refused(keys_of: KeysOf) -> None:
    secret = secret_of(keys_of("ticket"))
    token = make_token(secret, "ana", [7])
    for wrong_secret, scope, wrong in (
        (secret, "bia", token),
        (secret_of(keys_of("mail")), "ana", token),
        (secret, "ana", token[:-1] + ("A" if token[-1] != "A" else "B")),
        (secret, "ana", ""),
        (secret, "ana", "ç!"),
    ):
        with pytest.raises(PageTokenInvalid):
            read_token(wrong_secret, scope, wrong)


def test_tokens_say_whether_they_expired_or_are_not_valid(keys_of: KeysOf) -> None:
    gateway, ticket = keys_of("gateway"), keys_of("ticket")
    assert ticket.verify(gateway.sign("ticket", 60, {"sub": "a"}), ("gateway",))["sub"] == "a"
    with pytest.raises(TokenExpired):
        ticket.verify(gateway.sign("ticket", -60, {}), ("gateway",))
    with pytest.raises(TokenInvalid):
        ticket.verify(gateway.sign("ticket", 60, {}), ("routing",))


def test_a_token_of_any_bytes_is_refused_as_not_valid(keys_of: KeysOf) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 3_000).decode()
    for token in ("", "a", "a.b.c", f"a.{deep}.c", "a.WzFd.c", "x" * 10_000):
        with pytest.raises(TokenInvalid):
            keys_of("ticket").verify(token, ("gateway",))


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database("sample")


ACTOR = str(uuid4())


def start(database: Database, request_id: str, ticket: str, performed: list[str]) -> StartTicketResponse:
    def perform() -> StartTicketResponse:
        performed.append(ticket)
        return StartTicketResponse(ticket=Ticket(id=ticket))

    with database.transaction() as connection:
        request = StartTicketRequest(ticket_id=ticket, request_id=request_id)
        return once(connection, ACTOR, request_id, request, perform, StartTicketResponse())


def test_the_same_request_id_has_its_effect_once_and_the_same_answer_also_when_used_at_once(database: Database) -> None:
    performed: list[str] = []
    answers: list[StartTicketResponse] = []
    at_once([lambda: answers.append(start(database, "r1", "t1", performed)) for _ in range(4)])
    assert performed == ["t1"]
    assert [answer.ticket.id for answer in answers] == ["t1"] * 4


def test_a_request_id_used_for_another_request_is_refused(database: Database) -> None:
    start(database, "r1", "t1", [])
    with pytest.raises(RequestIdReused):
        start(database, "r1", "t2", [])


def test_a_failed_request_may_be_tried_again_under_its_id(database: Database) -> None:
    with suppress(ZeroDivisionError), database.transaction() as connection:
        once(connection, ACTOR, "r1", StartTicketRequest(), fail, StartTicketResponse())
    performed: list[str] = []
    start(database, "r1", "t1", performed)
    assert performed == ["t1"]


def test_answers_too_old_to_be_repeated_are_forgotten_a_few_at_a_time(database: Database) -> None:
    old = "SELECT gen_random_uuid(), 'r', '', now() - interval '3 days' FROM generate_series(1, :rows)"
    with database.transaction() as connection:
        connection.execute(text(f"INSERT INTO requests (actor_id, request_id, fingerprint, at) {old}"), {"rows": 1_500})
    start(database, "r1", "t1", [])
    left = []
    for _ in range(2):
        with database.transaction() as connection:
            forget(connection)
            left.append(connection.scalar(text("SELECT count(*) FROM requests")))
    assert left == [501, 1]


def fail() -> StartTicketResponse:
    raise ZeroDivisionError


def test_an_error_of_the_database_does_not_tell_what_people_wrote(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught, database.transaction() as connection:
        connection.execute(text("SELECT CAST(:secret AS text) || 1/0"), {"secret": "ana@example.com"})
    assert "division by zero" in str(caught.value)
    assert "ana@example.com" not in str(caught.value)


def test_every_connection_finds_out_that_its_other_end_has_vanished(database: Database) -> None:
    with database.engine.connect() as pooled, database.direct() as direct:
        for connection in (pooled.connection.driver_connection, direct):
            assert connection is not None
            told = connection.info.get_parameters()
            assert (told["connect_timeout"], told["tcp_user_timeout"], told["keepalives_idle"]) == ("5", "25000", "10")


def test_a_listener_is_woken_after_the_commit_and_not_by_a_rollback(database: Database) -> None:
    never = threading.Event()
    with database.listener("guiche_test") as listener:
        with suppress(ZeroDivisionError), database.transaction() as connection:
            poke(connection, "guiche_test")
            raise ZeroDivisionError
        assert not list(listener.notifies(timeout=0.2, stop_after=1))
        with database.transaction() as connection:
            poke(connection, "guiche_test")
        assert list(listener.notifies(timeout=5, stop_after=1))
        hear(listener, never, seconds=0.01)


def test_a_topology_that_differs_from_what_is_handled_is_named() -> None:
    with pytest.raises(AssertionError, match=r"routing.*PublisherChanged.*MessageReceived"):
        topology.check("routing", [PublisherChanged])
    topology.check("publisher", [])


@pytest.fixture
def watching(keys_folder: Path) -> Iterator[tuple[list[bool], Callable[[str], tuple[int, bytes]]]]:
    ready: list[bool] = [True]

    def answer() -> bool:
        return ready[0]

    with watch.serve(Settings(keys=keys_folder), answer) as port:

        def get(path: str) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            connection.close()
            return response.status, body

        yield ready, get


def test_the_watch_port_tells_metrics_life_and_readiness(
    watching: tuple[list[bool], Callable[[str], tuple[int, bytes]]],
) -> None:
    ready, get = watching
    assert get("/livez")[0] == 200
    assert b"guiche_outbox_rows" in get("/metrics")[1]
    assert get("/readyz")[0] == 200
    ready[0] = False
    assert get("/readyz")[0] == 503
    ready.clear()
    assert get("/readyz") == (503, b"not ready: IndexError\n")
    assert get("/else")[0] == 404


def add_work(database: Database, count: int) -> None:
    ids = json.dumps([str(new_id()) for _ in range(count)])
    query(database, "INSERT INTO work (id) SELECT value::uuid FROM jsonb_array_elements_text(CAST(:ids AS jsonb)) "
                    "RETURNING id", ids=ids)  # fmt: skip


def claim(database: Database, rows: int) -> list[Row[Any]]:
    with database.transaction() as connection:
        return claims.claim(connection, WORK, rows, timedelta(seconds=60))


def test_work_is_claimed_in_order_and_by_one_worker_at_a_time(database: Database) -> None:
    add_work(database, 10)
    first, second, third = claim(database, 4), claim(database, 10), claim(database, 10)
    ids = [row.id for row in first + second]
    assert (len(first), len(second), third) == (4, 6, [])
    assert ids == sorted(ids)
    with database.transaction() as connection:
        claims.done(connection, WORK, ids)
    assert query(database, "SELECT count(*) FROM work WHERE done_at IS NULL")[0][0] == 0


def test_a_lease_lasts_as_long_as_the_work_and_no_longer_than_its_process(database: Database) -> None:
    add_work(database, 1)
    lease = timedelta(milliseconds=300)

    def taken() -> bool:
        with database.transaction() as connection:
            return bool(claims.claim(connection, WORK, 1, lease))

    def renewed() -> int:
        return int(query(database, "SELECT count(*) FROM work WHERE next_at > :at", at=after)[0][0])

    assert taken()
    [(first,)] = query(database, "SELECT next_at FROM work")
    after = first + 3 * lease
    with claims.renewing(database, WORK, [row.id for row in query(database, "SELECT id FROM work")], lease):
        eventually(renewed)
        assert not taken()
    eventually(taken)


def test_a_lease_is_renewed_for_as_long_as_was_said_and_only_while_the_row_is_as_it_was(database: Database) -> None:
    lease = timedelta(seconds=0.3)

    def lease_over() -> bool:
        return bool(query(database, "SELECT count(*) FROM work WHERE next_at < now()")[0][0])

    add_work(database, 1)
    [(row_id,)] = query(database, "SELECT id FROM work")
    for longest, attempts in ((lease, 0), (timedelta(hours=1), 1)):
        query(database, "UPDATE work SET next_at = now() + interval '0.3 s' RETURNING id")
        with claims.renewing(database, WORK, [row_id], lease, longest, [WORK.c.attempts == attempts]):
            eventually(lease_over)


def make_due(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE work SET next_at = now()"))


def test_work_that_kills_its_workers_is_given_up_and_costs_its_neighbours_one_attempt(database: Database) -> None:
    add_work(database, 3)
    assert len(claim(database, 3)) == 3
    for _ in range(12 * 3):
        make_due(database)
        # Claimed and never settled, as by a worker that died; alone, since it was tried before.
        assert len(claim(database, 3)) <= 1
    assert query(database, "SELECT DISTINCT attempts, failed_at IS NOT NULL, last_error <> '' FROM work") == [
        (12, True, True)
    ]


def test_a_neighbour_that_is_away_costs_work_no_attempt(database: Database) -> None:
    class Away(Failure):
        code = StatusCode.UNAVAILABLE

    add_work(database, 1)
    [row] = claim(database, 1)
    with database.transaction() as connection:
        assert claims.retry(connection, WORK, row, Away("nobody there"))
    assert query(database, "SELECT attempts, last_error FROM work") == [(0, "Away: nobody there")]
    make_due(database)
    [row] = claim(database, 1)
    with database.transaction() as connection:
        assert claims.retry(connection, WORK, row, ValueError("bad"))
    assert query(database, "SELECT attempts, last_error FROM work") == [(1, "ValueError: bad")]


@pytest.mark.parametrize("meanwhile", [{"taken over"}, {"taken over", "done"}, {"redriven", "done"}])
def test_who_comes_back_after_the_lease_changes_nothing_of_what_another_took_over(
    database: Database, meanwhile: set[str]
) -> None:
    add_work(database, 1)
    [late] = claim(database, 1)
    make_due(database)
    if "redriven" in meanwhile:
        # The new claim has the number of the late one.
        with database.transaction() as connection:
            connection.execute(text("UPDATE work SET attempts = 0"))
    [row] = claim(database, 1)
    with database.transaction() as connection:
        if "done" in meanwhile:
            claims.done(connection, WORK, [row.id])
    columns = "SELECT attempts, next_at, done_at, failed_at, last_error FROM work"
    before = query(database, columns)
    for put_back in (claims.retry, claims.failed):
        with database.transaction() as connection:
            put_back(connection, WORK, late, ValueError("too late"))
    assert query(database, columns) == before
