"""The relay: takes events from the outbox in order, has them delivered, and deletes exactly those confirmed."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

import psycopg
from psycopg.rows import scalar_row

from servicekit.database import Database, hear
from servicekit.events.envelope import Envelope
from servicekit.events.outbox import CHANNEL
from servicekit.events.trouble import Trouble
from servicekit.telemetry import OUTBOX_AGE, OUTBOX_DELIVERED, OUTBOX_ROWS, log

LEADER_LOCK = 724002
LEADER_SECONDS = 1.0
READ_ROWS = 500
MEASURE_SECONDS = 5.0


class Delivery(Protocol):
    """A way to the inboxes of all who consume. Used by one thread."""

    def deliver(self, envelopes: Sequence[Envelope]) -> set[UUID]:
        """The ids of those that are safe with all their consumers. What it raises means: none of them."""

    def close(self) -> None: ...


def relay(database: Database, service: str, delivery: Delivery) -> Callable[[threading.Event], None]:
    """The loop that forwards a service's events. Any number may run; one leads, the others wait to take over."""

    def run(stop: threading.Event) -> None:
        away = Trouble(log(service), "relay_database")
        try:
            while not stop.is_set():
                try:
                    with leading(database, stop) as leader:
                        away.over()
                        try:
                            lead(leader, service, delivery, stop)
                        finally:
                            # Only the leader's figures are true; the next leader may be another process.
                            for gauge in (OUTBOX_ROWS, OUTBOX_AGE):
                                gauge.remove(service)
                except psycopg.Error as error:
                    stop.wait(away.met(error))
        finally:
            delivery.close()

    return run


@contextmanager
def leading(database: Database, stop: threading.Event) -> Iterator[psycopg.Connection]:
    """The connection whose session holds the leadership, once it has it.

    Reading, deleting and listening all happen on this very connection: whoever loses it has lost leadership, and
    notices at its next step. Two who both believe they lead would still be harmless, only wasteful: each sends an event
    only after the ones before it in its aggregate were confirmed, and the inbox drops what it knows.
    """
    with database.listener(CHANNEL) as connection:
        cursor = connection.cursor(row_factory=scalar_row)
        while not cursor.execute("SELECT pg_try_advisory_lock(%s)", (LEADER_LOCK,)).fetchone():
            if stop.wait(LEADER_SECONDS):
                break
        yield connection


def lead(leader: psycopg.Connection, service: str, delivery: Delivery, stop: threading.Event) -> None:
    """Forwards until told to stop; psycopg.Error when leadership is lost.

    What could not be delivered is stepped over for the moment, with all that follows in its aggregate, so that a
    consumer that is away does not keep events from the others.
    """
    away = Trouble(log(service), "delivery")
    held: set[str] = set()
    measured = 0.0
    while not stop.is_set():
        if time.monotonic() - measured > MEASURE_SECONDS:
            measure(leader, service)
            measured = time.monotonic()
        rows = read(leader, service, held)
        confirmed, error = forward(leader, delivery, [envelope for _, envelope in rows], stop)
        delete(leader, [position for position, envelope in rows if envelope.id in confirmed])
        OUTBOX_DELIVERED.labels(service).inc(len(confirmed))
        held |= {envelope.aggregate for _, envelope in rows if envelope.id not in confirmed}
        if held and not confirmed:
            stop.wait(away.met(error))
            held.clear()
        elif not held:
            away.over()
            if not rows:
                hear(leader, stop)


def read(leader: psycopg.Connection, service: str, held: set[str]) -> list[tuple[int, Envelope]]:
    """The oldest events, with their positions. No cursor: a lower position may be committed later than a higher one."""
    rows = leader.execute(
        "SELECT position, id, type, aggregate, time, payload, traceparent, actor FROM outbox "
        "WHERE aggregate <> ALL(%s::text[]) ORDER BY position LIMIT %s",
        (list(held), READ_ROWS),
    )
    return [
        (position, Envelope(event_id, event_type, service, aggregate, at, payload, traceparent, actor))
        for position, event_id, event_type, aggregate, at, payload, traceparent, actor in rows
    ]


def forward(
    leader: psycopg.Connection, delivery: Delivery, envelopes: list[Envelope], stop: threading.Event
) -> tuple[set[UUID], object]:
    """The ids of those confirmed, and what kept the others back.

    An aggregate never has two events under way; after one that was not confirmed its later ones are left out.
    """
    confirmed: set[UUID] = set()
    broken: set[str] = set()
    problem: object = "not confirmed"
    for wave in waves(envelopes):
        sound = [envelope for envelope in wave if envelope.aggregate not in broken]
        if not sound or stop.is_set():
            break
        # Raises when leadership is lost, and with it ends what this process may send.
        leader.execute("SELECT 1")
        try:
            arrived = delivery.deliver(sound)
        except Exception as error:
            arrived, problem = set(), error
        confirmed |= arrived
        broken |= {envelope.aggregate for envelope in sound if envelope.id not in arrived}
    return confirmed, problem


def waves(envelopes: list[Envelope]) -> Iterator[list[Envelope]]:
    """The first event of each aggregate, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    by_turn: dict[int, list[Envelope]] = {}
    for envelope in envelopes:
        by_turn.setdefault(seen[envelope.aggregate], []).append(envelope)
        seen[envelope.aggregate] += 1
    yield from by_turn.values()


def delete(leader: psycopg.Connection, positions: list[int]) -> None:
    if positions:
        leader.execute("DELETE FROM outbox WHERE position = ANY(%s)", (positions,))


def measure(leader: psycopg.Connection, service: str) -> None:
    rows, age = leader.execute(
        "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - "
        "(SELECT time FROM outbox ORDER BY position LIMIT 1)), 0) FROM outbox"
    ).fetchone() or (0, 0)
    OUTBOX_ROWS.labels(service).set(rows)
    OUTBOX_AGE.labels(service).set(max(0.0, float(age)))
