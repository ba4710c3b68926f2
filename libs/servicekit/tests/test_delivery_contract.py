"""What delivery promises, whichever way it goes: the same scenarios straight into the inbox and over RabbitMQ."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest
from guiche.ticket.v1.ticket_events_pb2 import TicketOpened
from scene import CONSUMES, Direct, OverRabbit, Scene, at_once, changed, query, running
from sqlalchemy import Connection, make_url, text

from localservers.rabbitmq import rabbitmq
from servicekit.database import Database
from servicekit.events.commands import list_failed, redrive, republish
from servicekit.events.envelope import Envelope
from servicekit.events.inbox import inbox_worker
from servicekit.events.outbox import publish
from servicekit.events.relay import LEADER_LOCK
from servicekit.ids import new_id
from servicekit.testing import MakeDatabase, eventually


def test_a_change_rolled_back_leaves_no_event(scene: Scene) -> None:
    with pytest.raises(ZeroDivisionError):
        publish_and_fail(scene.owner)
    with running(scene.all()):
        scene.publish("a", [2])
        eventually(scene.handled)
    assert scene.handled() == [("a", 2)]


def publish_and_fail(database: Database) -> None:
    with database.transaction() as connection:
        publish(connection, [("a", changed("a", 1))])
        raise ZeroDivisionError


def test_an_event_delivered_twice_is_handled_once(scene: Scene) -> None:
    delivery = scene.way.delivery()
    twice = envelope("a", 1)
    last = envelope("b", 1)
    with running(scene.receiving()):
        for batch in ([twice], [twice], [last]):
            assert delivery.deliver(batch) == {one.id for one in batch}
        eventually(lambda: ("b", 1) in scene.handled())
        # Also after it was handled.
        assert delivery.deliver([twice]) == {twice.id}
        assert delivery.deliver([envelope("c", 1)])
        eventually(lambda: ("c", 1) in scene.handled())
    delivery.close()
    assert scene.handled() == [("a", 1), ("b", 1), ("c", 1)]


def envelope(aggregate: str, version: int) -> Envelope:
    event = changed(aggregate, version)
    at = datetime.now(UTC)
    return Envelope(new_id(), event.DESCRIPTOR.full_name, "publisher", aggregate, at, event.SerializeToString(), "", "")


def test_each_aggregate_keeps_the_order_of_its_commits_under_many_writers_and_two_workers(scene: Scene) -> None:
    query(scene.owner, "INSERT INTO aggregates SELECT 'a' || n FROM generate_series(0, 4) n RETURNING id")

    def write(writer: int) -> None:
        for turn in range(30):
            with scene.owner.transaction() as connection:
                change(connection, f"a{(writer + turn) % 5}")

    with running([scene.relay(), *scene.receiving(workers=2)]):
        at_once([partial(write, writer) for writer in range(8)])
        eventually(lambda: len(scene.handled()) >= 240, 30)
    for aggregate in range(5):
        assert scene.versions(f"a{aggregate}") == list(range(1, 49))


def change(connection: Connection, aggregate: str) -> None:
    """As in a service: the aggregate's row is locked by its update until the commit."""
    bump = text("UPDATE aggregates SET version = version + 1 WHERE id = :id RETURNING version")
    version = connection.execute(bump, {"id": aggregate}).scalar_one()
    publish(connection, [(aggregate, changed(aggregate, version))])


def test_a_poisonous_event_stops_only_its_own_aggregate_until_it_has_failed_and_can_be_redriven(scene: Scene) -> None:
    with running(scene.all()):
        with scene.owner.transaction() as connection:
            publish(
                connection, [("bad", changed("bad", 1, "poison")), ("bad", changed("bad", 2)), ("a", changed("a", 1))]
            )
            publish(connection, [("b", changed("b", 1)), ("a", changed("a", 2))])
        eventually(lambda: {("a", 1), ("a", 2), ("b", 1)} <= set(scene.handled()))
        assert scene.versions("bad") == []

        def second_passes() -> bool:
            scene.hurry("this one cannot be handled")
            return scene.versions("bad") == [2]

        eventually(second_passes, 30)
    [failed] = list_failed(scene.target)
    assert (failed.aggregate, failed.attempts) == ("bad", 12)
    assert "this one cannot be handled" in failed.last_error

    mended = {next(iter(CONSUMES)): lambda connection, event: keep_mended(connection, event.id, event.version)}
    assert redrive(scene.target, [new_id()]) == 0
    assert redrive(scene.target, [failed.id]) == 1
    with running([inbox_worker(scene.target, "sample", mended)]):
        eventually(lambda: scene.versions("bad") == [2, 1])
    assert list_failed(scene.target) == []


def keep_mended(connection: Connection, aggregate: str, version: int) -> None:
    insert = text("INSERT INTO handled (aggregate, version, name) VALUES (:aggregate, :version, '')")
    connection.execute(insert, {"aggregate": aggregate, "version": version})


@pytest.mark.parametrize("which", ["direct", "rabbitmq"])
def test_what_is_away_and_comes_back_loses_nothing(which: str, make_database: MakeDatabase, tmp_path: Path) -> None:
    with can_go_away(which, make_database, tmp_path) as (scene, go, come_back):
        with running(scene.all()):
            scene.publish("a", range(1, 200))
            eventually(scene.outbox_empty)
            go()
            scene.publish("a", range(200, 300))
            scene.publish("b", range(1, 100))
            assert not scene.outbox_empty()
            come_back()
            eventually(scene.outbox_empty, 30)
            eventually(lambda: len(scene.handled()) >= 398, 30)
        assert scene.versions("a") == list(range(1, 300))
        assert scene.versions("b") == list(range(1, 100))


@contextmanager
def can_go_away(
    which: str, make_database: MakeDatabase, tmp_path: Path
) -> Iterator[tuple[Scene, Callable[[], None], Callable[[], None]]]:
    """Away: the target's database where delivery is direct, else the broker."""
    owner, target = make_database("sample"), make_database("sample")
    if which == "rabbitmq":
        with rabbitmq(tmp_path / "broker") as broker:
            yield Scene(owner, target, OverRabbit(broker.url, target)), broker.stop, broker.start
        return
    name = str(make_url(target.url).database)

    def go() -> None:
        with owner.direct() as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    def come_back() -> None:
        with owner.direct() as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    yield Scene(owner, target, Direct(target)), go, come_back


def test_a_new_consumer_gets_the_whole_state_from_republish(scene: Scene) -> None:
    names = [f"a{n}" for n in range(1200)]
    query(scene.owner, "INSERT INTO aggregates SELECT unnest(CAST(:n AS text[])), 7 RETURNING id", n=names)
    with running(scene.all()):
        published = republish(
            scene.owner,
            lambda connection: (
                (row.id, changed(row.id, row.version)) for row in connection.execute(text("SELECT * FROM aggregates"))
            ),
        )
        assert published == 1200
        eventually(lambda: len(scene.handled()) == 1200, 30)
    assert set(scene.handled()) == {(name, 7) for name in names}


def test_an_event_nobody_consumes_goes_its_way_and_keeps_none_back(scene: Scene) -> None:
    with running(scene.all()):
        with scene.owner.transaction() as connection:
            publish(connection, [("t", TicketOpened()), ("t", TicketOpened()), ("a", changed("a", 1))])
        eventually(lambda: scene.handled() == [("a", 1)])
        eventually(scene.outbox_empty)
    assert query(scene.target, "SELECT count(*) FROM inbox")[0][0] == 1


def test_a_relay_killed_under_load_loses_nothing_and_its_repetitions_change_nothing(scene: Scene) -> None:
    for start in range(0, 3000, 500):
        with scene.owner.transaction() as connection:
            publish(connection, [(f"a{n % 50}", changed(f"a{n % 50}", n // 50)) for n in range(start, start + 500)])
    with running(scene.receiving()):
        for limit in (2400, 1400):
            killed_when_left(scene, limit)
        with running([scene.relay()]):
            eventually(scene.outbox_empty, 30)
            eventually(lambda: len(scene.handled()) >= 3000, 60)
    for aggregate in range(50):
        assert scene.versions(f"a{aggregate}") == list(range(60))


def killed_when_left(scene: Scene, limit: int) -> None:
    """Runs a relay until at most so many events are left, then kills it in the middle of its work."""
    target = scene.way.url if isinstance(scene.way, OverRabbit) else scene.target.url
    script = Path(__file__).with_name("relay_process.py")
    environment = {**os.environ, "PYTHONPATH": str(script.parent)}
    process = subprocess.Popen([sys.executable, str(script), scene.owner.url, target], env=environment)
    try:
        eventually(lambda: query(scene.owner, "SELECT count(*) FROM outbox")[0][0] <= limit, 40)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not scene.outbox_empty()


def test_of_two_relays_one_leads_and_the_other_takes_over_when_it_loses_its_connection(scene: Scene) -> None:
    with running([scene.relay(), scene.relay(), *scene.receiving()]):
        scene.publish("a", range(100))
        eventually(lambda: len(scene.handled()) == 100)
        first = eventually(lambda: leaders(scene.owner))
        assert len(first) == 1
        with scene.owner.direct() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (first[0],))
        scene.publish("a", range(100, 200))
        eventually(lambda: len(scene.handled()) == 200)
        second = leaders(scene.owner)
        assert len(second) == 1
        assert second != first
    assert scene.versions("a") == list(range(200))


def leaders(database: Database) -> list[int]:
    held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND granted AND database = "
    return [row[0] for row in query(database, held + "(SELECT oid FROM pg_database WHERE datname = current_database())",
                                    lock=LEADER_LOCK)]  # fmt: skip


def test_an_event_committed_late_with_an_early_position_is_not_passed_over(scene: Scene) -> None:
    with running(scene.all()), scene.owner.engine.connect() as slow:
        publish(slow, [("slow", changed("slow", 1))])
        scene.publish("fast", [1, 2])
        eventually(lambda: scene.versions("fast") == [1, 2])
        eventually(scene.outbox_empty)
        slow.commit()
        eventually(lambda: scene.versions("slow") == [1])


def test_a_relay_that_cannot_reach_its_database_comes_back(scene: Scene) -> None:
    with running(scene.all()):
        scene.publish("a", [1])
        eventually(lambda: scene.handled() == [("a", 1)])
        with psycopg.connect(str(make_url(scene.owner.url).set(drivername="postgresql").render_as_string(False))) as c:
            c.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (%s, %s) "
                "AND pid <> pg_backend_pid()",
                (make_url(scene.owner.url).database, make_url(scene.target.url).database),
            )
        scene.publish("a", [2])
        eventually(lambda: scene.handled() == [("a", 1), ("a", 2)])
