"""Events a second from outbox to handled, over RabbitMQ and straight, each beside a limit taken in the same run.

    .venv/bin/python bench/events.py [EVENTS]

Private servers in a temporary folder, PostgreSQL durable. Each stage runs alone on what the stage before it left, so a
figure is that stage's own; the last line runs all at once, as in production.
"""

import logging
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from google.protobuf.message import Message
from guiche.publisher.v1.publisher_events_pb2 import PublisherChanged
from sqlalchemy import Connection, text
from system import machine

from localservers.postgres import postgres
from localservers.rabbitmq import rabbitmq
from servicekit.database import Database
from servicekit.events.direct import DirectDelivery
from servicekit.events.envelope import Envelope
from servicekit.events.inbox import inbox_worker
from servicekit.events.inbox_rows import store
from servicekit.events.outbox import publish
from servicekit.events.rabbitmq import RabbitDelivery, connected, consumer, declare
from servicekit.events.relay import relay
from servicekit.ids import new_id
from servicekit.migrating import migrate
from servicekit.process import Loop

TOPOLOGY = {"publisher": ("guiche.publisher.v1.PublisherChanged",)}
AGGREGATES = 1000


def main(events: int) -> None:
    print(f"{machine()}; {events} events")  # noqa: T201  # the first line of the result
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres(Path(folder, "pg")) as pg,
        rabbitmq(Path(folder, "mq")) as mq,
    ):
        owner, target = (Database(pg.database(name)) for name in ("owner", "target"))
        for database in (owner, target):
            migrate(database.url, "publisher")
        report("limit: INSERT, 200 rows a commit", events, timed(lambda: insert(target, events)))
        clear(target)
        report("limit: publish, one confirm at a time", 1000, timed(lambda: publish_singly(mq.url, 1000)))
        delivery = RabbitDelivery(mq.url, TOPOLOGY)
        report("limit: publish, 200 confirms in flight", events, timed(lambda: pipelined(delivery, events)))
        drain(mq.url)

        write(owner, events)
        straight = DirectDelivery({"publisher": target}, TOPOLOGY)
        relayed = looping([relay(owner, "publisher", straight)], lambda: count(owner, "outbox") == 0)
        report("outbox → inbox, straight", events, relayed)
        clear(target)

        write(owner, events)
        relayed = looping([relay(owner, "publisher", delivery)], lambda: count(owner, "outbox") == 0)
        report("outbox → RabbitMQ", events, relayed)
        moving = [consumer(mq.url, "publisher", target, TOPOLOGY)]
        report("RabbitMQ → inbox", events, looping(moving, lambda: count(target, "inbox") == events))
        handling: list[Loop] = [inbox_worker(target, "publisher", {PublisherChanged: handle})]
        report("inbox → handled", events, looping(handling, lambda: waiting(target) == 0))
        clear(target)

        write(owner, events)
        everything = [relay(owner, "publisher", RabbitDelivery(mq.url, TOPOLOGY)), *moving, *handling]
        done = looping(everything, lambda: count(owner, "outbox") == 0 and handled(target) == events)
        report("outbox → RabbitMQ → inbox → handled", events, done)
        owner.close()
        target.close()


def handle(connection: Connection, event: Message) -> None:
    """As little as a handler can do: one statement."""
    connection.execute(text("SELECT 1"))


def insert(database: Database, events: int) -> None:
    for first in range(0, events, 200):
        with database.transaction() as connection:
            store(connection, [envelope(n) for n in range(first, first + 200)])


def publish_singly(url: str, events: int) -> None:
    with connected(url) as connection:
        channel = connection.channel()
        declare(channel, TOPOLOGY)
        channel.confirm_delivery()
        for n in range(events):
            channel.basic_publish("guiche.events", TOPOLOGY["publisher"][0], envelope(n).payload)


def pipelined(delivery: RabbitDelivery, events: int) -> None:
    for first in range(0, events, 500):
        assert len(delivery.deliver([envelope(n) for n in range(first, first + 500)])) == 500


def drain(url: str) -> None:
    with connected(url) as connection:
        connection.channel().queue_purge("guiche.publisher.events")


def write(database: Database, events: int) -> None:
    for first in range(0, events, 500):
        with database.transaction() as connection:
            publish(connection, [(f"a{n % AGGREGATES}", changed(n)) for n in range(first, first + 500)])


def changed(n: int) -> PublisherChanged:
    return PublisherChanged(id=f"a{n % AGGREGATES}", version=n, name="Maria da Conceição")


def envelope(n: int) -> Envelope:
    event = changed(n)
    return Envelope(
        new_id(), event.DESCRIPTOR.full_name, "bench", event.id, datetime.now(UTC), event.SerializeToString(), "", ""
    )


def clear(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("TRUNCATE inbox"))


def count(database: Database, table: str) -> int:
    with database.transaction() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # ours


def waiting(database: Database) -> int:
    with database.transaction() as connection:
        return int(connection.execute(text("SELECT count(*) FROM inbox WHERE done_at IS NULL")).scalar_one())


def handled(database: Database) -> int:
    with database.transaction() as connection:
        return int(connection.execute(text("SELECT count(*) FROM inbox WHERE done_at IS NOT NULL")).scalar_one())


def looping(loops: list[Loop], until: Callable[[], bool]) -> float:
    """Seconds from starting the loops until the condition holds."""
    stop = threading.Event()
    threads = [threading.Thread(target=loop, args=(stop,), daemon=True) for loop in loops]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    while not until():
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    stop.set()
    for thread in threads:
        thread.join(20)
    return seconds


def timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def report(what: str, events: int, seconds: float) -> None:
    print(f"{what:42} {events / seconds:8.0f} events/s", flush=True)  # noqa: T201  # the result


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
