"""An owner that publishes and a service that consumes, each with its database, and the way between them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message
from guiche.publisher.v1.publisher_events_pb2 import PublisherChanged
from sample import keep
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from servicekit.database import Database
from servicekit.events.direct import DirectDelivery
from servicekit.events.inbox import inbox_worker
from servicekit.events.outbox import publish
from servicekit.events.rabbitmq import RabbitDelivery, consumer
from servicekit.events.relay import Delivery, relay
from servicekit.process import EventHandler, Loop

T = TypeVar("T")

CHANGED = "guiche.publisher.v1.PublisherChanged"
TOPOLOGY = {"sample": (CHANGED,)}
CONSUMES: dict[type[Message], EventHandler] = {PublisherChanged: keep}


class Way(Protocol):
    def delivery(self) -> Delivery: ...

    def movers(self) -> list[Loop]:
        """What brings delivered events into the inbox, where delivery itself does not."""


@dataclass
class Direct:
    target: Database

    def delivery(self) -> Delivery:
        return DirectDelivery({"sample": self.target}, TOPOLOGY)

    def movers(self) -> list[Loop]:
        return []


@dataclass
class OverRabbit:
    url: str
    target: Database

    def delivery(self) -> Delivery:
        return RabbitDelivery(self.url, TOPOLOGY)

    def movers(self) -> list[Loop]:
        return [consumer(self.url, "sample", self.target, TOPOLOGY)]


@dataclass
class Scene:
    owner: Database
    target: Database
    way: Way

    def relay(self) -> Loop:
        return relay(self.owner, "publisher", self.way.delivery())

    def receiving(self, workers: int = 1) -> list[Loop]:
        return [*self.way.movers(), *(inbox_worker(self.target, "sample", CONSUMES) for _ in range(workers))]

    def all(self) -> list[Loop]:
        return [self.relay(), *self.receiving()]

    def publish(self, aggregate: str, versions: Sequence[int], name: str = "") -> None:
        def tell() -> None:
            with self.owner.transaction() as connection:
                publish(connection, [(aggregate, changed(aggregate, version, name)) for version in versions])

        once_more(tell)

    def handled(self) -> list[tuple[str, int]]:
        return [(row[0], row[1]) for row in query(self.target, "SELECT aggregate, version FROM handled ORDER BY n")]

    def versions(self, aggregate: str) -> list[int]:
        return [version for name, version in self.handled() if name == aggregate]

    def outbox_empty(self) -> bool:
        return bool(query(self.owner, "SELECT count(*) FROM outbox")[0][0] == 0)

    def hurry(self, error: str = "") -> None:
        hurry(self.target, error)


def changed(aggregate: str, version: int, name: str = "") -> PublisherChanged:
    return PublisherChanged(id=aggregate, version=version, name=name)


def query(database: Database, statement: str, **values: Any) -> list[Any]:
    def ask() -> list[Any]:
        with database.transaction() as connection:
            return list(connection.execute(text(statement), values))

    return once_more(ask)


def once_more(act: Callable[[], T]) -> T:
    """A test that cuts connections may get one of those it has cut; the pool is made anew by that."""
    try:
        return act()
    except OperationalError:
        return act()


def hurry(database: Database, error: str = "") -> None:
    """Makes everything that waits for its next attempt due, since nobody wants to see back-off pass.

    error: part of what ended the last attempt, where one that is under way must not be begun once more.
    """
    due = "UPDATE inbox SET next_at = now() WHERE done_at IS NULL AND next_at > now() AND position(:error in last_error) > 0"
    with database.transaction() as connection:
        connection.execute(text(due), {"error": error})


@contextmanager
def running(loops: Sequence[Loop]) -> Iterator[None]:
    """Runs loops in threads; at the end they must stop, without an error."""
    stop, errors = threading.Event(), []

    def guarded(loop: Loop) -> None:
        try:
            loop(stop)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(loop,), daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(15)
    assert not errors
    assert not any(thread.is_alive() for thread in threads)


def at_once(works: Sequence[Callable[[], None]]) -> None:
    """Runs all at the same time and waits for them; the first error is raised."""
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
