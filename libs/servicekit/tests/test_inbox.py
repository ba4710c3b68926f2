"""The inbox worker: who pays for a handler that fails, and how."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import grpc
import pytest
from google.protobuf.message import Message
from guiche.publisher.v1.publisher_events_pb2 import PublisherChanged
from sample import keep
from scene import CHANGED, CONSUMES, changed, hurry, query, running
from sqlalchemy import Connection, text

from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.events.commands import list_failed
from servicekit.events.envelope import Envelope
from servicekit.events.inbox import Worker, inbox_worker, retry_seconds
from servicekit.events.inbox_rows import store
from servicekit.events.watchdog import EXIT_CODE, Watchdog
from servicekit.ids import new_id
from servicekit.process import EventHandler
from servicekit.rpc.caller import CALLER
from servicekit.telemetry import current_trace_id
from servicekit.testing import MakeDatabase, eventually

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database("sample")


def receive(database: Database, *events: Message, event_type: str = CHANGED, payload: bytes | None = None) -> None:
    envelopes = [
        Envelope(
            new_id(),
            event_type,
            "publisher",
            event.id,  # type: ignore[attr-defined]
            datetime.now(UTC),
            event.SerializeToString() if payload is None else payload,
            TRACEPARENT,
            "service:routing",
        )
        for event in events
    ]
    with database.transaction() as connection:
        store(connection, envelopes)


def handled(database: Database) -> list[tuple[str, int]]:
    return [tuple(row) for row in query(database, "SELECT aggregate, version FROM handled ORDER BY n")]


def consuming(handler: EventHandler) -> dict[type[Message], EventHandler]:
    return {PublisherChanged: handler}


def test_an_event_of_a_type_unknown_to_this_version_fails_at_once_and_says_so(database: Database) -> None:
    receive(database, changed("new", 1), event_type="guiche.publisher.v2.PublisherChanged")
    receive(database, changed("a", 1))
    with running([inbox_worker(database, "sample", CONSUMES)]):
        eventually(lambda: list_failed(database) and handled(database) == [("a", 1)])
    assert "handles no guiche.publisher.v2.PublisherChanged" in list_failed(database)[0].last_error


def test_a_payload_that_is_no_event_fails_at_once(database: Database) -> None:
    receive(database, changed("a", 1), payload=b"\xff\xff")
    with running([inbox_worker(database, "sample", CONSUMES)]):
        eventually(lambda: list_failed(database))
    assert "the payload is no guiche.publisher.v1.PublisherChanged" in list_failed(database)[0].last_error


def test_what_a_failed_attempt_wrote_is_rolled_back_and_the_rest_of_its_batch_is_kept(database: Database) -> None:
    with running([inbox_worker(database, "sample", CONSUMES)]):
        # The first rows after a start are handled one by one; this is about a batch.
        receive(database, changed("first", 1))
        eventually(lambda: handled(database) == [("first", 1)])
        receive(database, changed("a", 1), changed("bad", 1, "poison"), changed("b", 1))
        eventually(lambda: {("a", 1), ("b", 1)} <= set(handled(database)))
    [row] = query(
        database, "SELECT attempts, last_error, next_at > now() - interval '5 s' FROM inbox WHERE last_error <> ''"
    )
    assert row[0] >= 1
    assert row[1].startswith("ValueError")


def test_a_neighbour_that_is_away_costs_no_attempt_and_other_types_go_on(database: Database) -> None:
    class Away(Failure):
        code = grpc.StatusCode.UNAVAILABLE

    away, asked = [True], []

    def handle(connection: Connection, event: Message) -> None:
        asked.append(event)
        if away:
            raise Away("nobody there")
        keep(connection, event)

    receive(database, *(changed(f"a{n}", 1) for n in range(100)))
    with running([inbox_worker(database, "sample", consuming(handle))]):
        eventually(lambda: len(asked) >= 2)
        assert len(asked) < 10
        away.clear()

        def all_handled() -> bool:
            hurry(database)
            return len(handled(database)) == 100

        eventually(all_handled, 20)
    assert query(database, "SELECT max(attempts) FROM inbox WHERE failed_at IS NOT NULL")[0][0] is None


def test_the_events_of_a_batch_are_handled_in_the_order_of_their_aggregates(database: Database) -> None:
    """The same for all workers, so that none waits for another which waits for it."""
    receive(database, changed("c", 1), changed("a", 1), changed("b", 1), changed("a", 2))
    with Watchdog("sample", 60) as watchdog:
        worker = Worker(database, "sample", CONSUMES, 50, watchdog, Event())
        worker.handle_batch()
        assert handled(database) == [("a", 1), ("b", 1), ("c", 1)]
        worker.handle_batch()
    assert handled(database)[3:] == [("a", 2)]


def test_two_workers_handle_each_event_once(database: Database) -> None:
    receive(database, *(changed(f"a{n % 40}", n) for n in range(400)))
    with running([inbox_worker(database, "sample", CONSUMES) for _ in range(2)]):
        eventually(lambda: len(handled(database)) >= 400, 30)
    assert sorted(version for _, version in handled(database)) == list(range(400))


def test_a_handler_continues_the_trace_of_its_event_and_nobody_is_calling(database: Database) -> None:
    seen: list[tuple[object, str]] = []

    def look(connection: Connection, event: Message) -> None:
        seen.append((CALLER.get(None), current_trace_id()))

    receive(database, changed("a", 1))
    with running([inbox_worker(database, "sample", consuming(look))]):
        eventually(lambda: seen)
    assert seen == [(None, "0af7651916cd43dd8448eb211c80319c")]


def test_what_was_handled_is_forgotten_after_two_weeks_and_its_payload_at_once(database: Database) -> None:
    receive(database, changed("old", 1), changed("new", 1))
    with running([inbox_worker(database, "sample", CONSUMES)]):
        eventually(lambda: len(handled(database)) == 2)
    assert query(database, "SELECT DISTINCT payload FROM inbox") == [(b"",)]
    with database.transaction() as connection:
        connection.execute(text("UPDATE inbox SET done_at = now() - interval '15 days' WHERE aggregate = 'old'"))
    with running([inbox_worker(database, "sample", CONSUMES)]):
        eventually(lambda: query(database, "SELECT aggregate FROM inbox") == [("new",)])


def test_a_handler_that_loses_the_connection_does_not_take_its_neighbours_along(database: Database) -> None:
    def handle(connection: Connection, event: Message) -> None:
        assert isinstance(event, PublisherChanged)
        if event.name == "poison":
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        keep(connection, event)

    receive(database, changed("bad", 1, "poison"), *(changed(f"a{n}", 1) for n in range(20)))
    with running([inbox_worker(database, "sample", consuming(handle))]):
        eventually(lambda: len(handled(database)) == 20, 20)

        def given_up() -> bool:
            hurry(database)
            return bool(list_failed(database))

        eventually(given_up, 30)


@pytest.mark.parametrize("how", ["dies", "hangs"])
def test_a_handler_that_ends_its_process_is_given_up_and_the_others_are_handled(how: str, database: Database) -> None:
    receive(database, *(changed(f"a{n}", 1) for n in range(10)), changed("bad", 1, how), changed("b", 1))
    with database.transaction() as connection:
        # Of its twelve attempts, ten have been made already.
        connection.execute(text("UPDATE inbox SET attempts = 10 WHERE aggregate = 'bad'"))
    codes = []
    for _ in range(3):
        codes.append(work_in_a_process(database, until=lambda: len(handled(database)) == 11))
        hurry(database)
    assert codes == [EXIT_CODE, EXIT_CODE, None]
    assert len(handled(database)) == 11
    assert "began and did not end" in list_failed(database)[0].last_error


def work_in_a_process(database: Database, until: Callable[[], bool]) -> int | None:
    """Its exit code; None where it had to be ended after `until` was met."""
    script = Path(__file__).with_name("inbox_process.py")
    environment = {**os.environ, "PYTHONPATH": str(script.parent)}
    process = subprocess.Popen([sys.executable, str(script), database.url], env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: process.poll() is not None or until(), 30)
        return process.poll()
    finally:
        process.kill()
        process.wait()


def test_retries_wait_longer_each_time_and_never_more_than_five_minutes() -> None:
    assert 0.75 <= retry_seconds(1) <= 1
    assert 6 <= retry_seconds(4) <= 8
    assert 225 <= retry_seconds(12) <= 300
