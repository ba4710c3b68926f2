"""The inbox worker: handles received events in order per aggregate, each in one transaction with its completion.

Retry, back-off and giving up are columns of the row, the same however the event arrived.

What ends a handler decides who pays for it:
- it raised: its row waits and tries again, the others of the batch are handled as if it had not been among them;
- a neighbour is away (Failure with a code of AWAY): nobody's fault, so no attempt is counted; events of that type rest
  for a moment, in this worker only;
- the transaction broke (connection lost, commit refused): the whole batch is rolled back, nothing is counted, since it
  cannot be said whose fault it was; then the worker is careful, see below;
- the process died, or was ended because a handler exceeded its time: nothing could be written. So every worker begins
  carefully: the first rows are handled one by one, each attempt committed before it is made. A row that kills its
  process is thus counted, waits longer each time, and fails in the end like any other.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import Context
from datetime import timedelta

import psycopg
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode
from opentelemetry.trace import SpanKind
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bound_contextvars

from servicekit import idempotency
from servicekit.database import Database, hear
from servicekit.errors import Failure
from servicekit.events import inbox_rows
from servicekit.events.envelope import type_of
from servicekit.events.inbox_rows import CHANNEL, Received
from servicekit.events.trouble import Trouble
from servicekit.events.watchdog import Watchdog
from servicekit.telemetry import INBOX_SECONDS, log, span

BATCH = 50
MAX_ATTEMPTS = 12
LONGEST_RETRY_SECONDS = 300.0
# A handler's statements end after 10 s and its calls after 5: one that takes this long has hung.
HANDLER_SECONDS = 120.0
HOUSEKEEPING_SECONDS = 5.0
KEEP = timedelta(days=14)
AWAY = (
    StatusCode.UNAVAILABLE,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.RESOURCE_EXHAUSTED,
    # Of calls between services: a clock is wrong or a key was changed, which no event can help.
    StatusCode.UNAUTHENTICATED,
)
LONGEST_REST_SECONDS = 30.0

Handler = Callable[[Connection, Message], None]
Consumes = Mapping[type[Message], Handler]


class Spoiled(Exception):
    """A handler failed within the transaction of others."""


class Unreadable(Exception):
    """The event can never be handled by this version of the code, so it is not tried again by itself."""


def inbox_worker(
    database: Database,
    service: str,
    consumes: Consumes,
    batch: int = BATCH,
    handler_seconds: float = HANDLER_SECONDS,
) -> Callable[[threading.Event], None]:
    """The loop that handles a service's events. Any number may run at once."""

    def run(stop: threading.Event) -> None:
        away = Trouble(log(service), "inbox_database")
        with Watchdog(service, handler_seconds) as watchdog:
            worker = Worker(database, service, consumes, batch, watchdog, stop)
            while not stop.is_set():
                try:
                    with database.listener(CHANNEL) as listener:
                        away.over()
                        worker.begin()
                        while not stop.is_set():
                            if not worker.work():
                                hear(listener, stop)
                except (psycopg.Error, SQLAlchemyError) as error:
                    stop.wait(away.met(error))

    return run


class Worker:
    def __init__(
        self,
        database: Database,
        service: str,
        consumes: Consumes,
        batch: int,
        watchdog: Watchdog,
        stop: threading.Event,
    ) -> None:
        self.database = database
        self.service = service
        self.handlers = {type_of(event): (event, handler) for event, handler in consumes.items()}
        self.batch = batch
        self.watchdog = watchdog
        self.stop = stop
        self.log = log(service)
        # How many rows are still to be handled one by one.
        self.careful = batch
        self.resting = Resting()
        self.kept_house = 0.0

    def begin(self) -> None:
        """After a start, or after a batch that broke: what was under way then may have been the reason."""
        self.careful = self.batch

    def work(self) -> bool:
        """Handles what is due now, a batch at most; False where nothing was."""
        if time.monotonic() - self.kept_house > HOUSEKEEPING_SECONDS:
            inbox_rows.keep_house(self.database, self.service, KEEP)
            with self.database.transaction() as connection:
                idempotency.forget(connection)
            self.kept_house = time.monotonic()
        if self.careful:
            worked = self.handle_one(fresh_too=True)
            self.careful = self.careful - 1 if worked else 0
            return worked
        retried = self.handle_one(fresh_too=False)
        return self.handle_batch() or retried

    def handle_batch(self) -> bool:
        """Rows never tried before, in one commit. Where one fails, all again, each in a savepoint, which costs more.

        What the first of them did for nothing is logged and measured twice.
        """
        with suppress(Spoiled):
            return self.handle_together(alone=nullcontext)
        return self.handle_together(alone=Connection.begin_nested)

    def handle_together(self, alone: Callable[[Connection], AbstractContextManager[object]]) -> bool:
        """alone: what each row is handled within. Raises Spoiled where one failed that stood in nothing of its own."""
        with self.database.transaction() as connection:
            rows = inbox_rows.claim(connection, self.batch, self.resting.types())
            done = []
            # One of each aggregate, so any order will do: the same for all workers, that none waits for another's lock
            # while it holds one the other waits for.
            for row in sorted(rows, key=lambda row: row.aggregate):
                if self.stop.is_set():
                    break
                if row.type in self.resting.types():
                    continue
                try:
                    with alone(connection):
                        self.handle(connection, row)
                except Exception as error:
                    if connection.closed or connection.invalidated:
                        raise
                    if alone is nullcontext:
                        raise Spoiled from error
                    self.settle(connection, row, row.attempts + 1, error)
                else:
                    done.append(row.position)
            inbox_rows.complete(connection, done)
        return bool(rows)

    def handle_one(self, *, fresh_too: bool) -> bool:
        """One row, its attempt committed before it is made. Without `fresh_too` only one tried before."""
        with self.database.transaction() as connection:
            row = inbox_rows.claim_one(connection, self.resting.types(), fresh_too=fresh_too)
            if row is None:
                return False
            if row.attempts >= MAX_ATTEMPTS:
                # It never came back from its last attempt.
                self.give_up(connection, row, row.last_error)
                return True
            row = inbox_rows.count(connection, row, retry_seconds(row.attempts + 1))
        try:
            with self.database.transaction() as connection:
                if inbox_rows.still_mine(connection, row):
                    self.handle(connection, row)
                    inbox_rows.complete(connection, [row.position])
        except Exception as error:
            with self.database.transaction() as connection:
                self.settle(connection, row, row.attempts, error)
        return True

    def handle(self, connection: Connection, row: Received) -> None:
        """Within a context of its own: nobody is calling, and nothing of one event reaches the next."""
        Context().run(self.handle_traced, connection, row)

    def handle_traced(self, connection: Connection, row: Received) -> None:
        began, outcome = time.perf_counter(), "retried"
        with (
            bound_contextvars(eventType=row.type, eventId=str(row.id), aggregate=row.aggregate),
            span(row.type, row.traceparent, SpanKind.CONSUMER, aggregate=row.aggregate),
            self.watchdog.watching(row.type),
        ):
            try:
                event, handler = self.readable(row)
                handler(connection, event)
                outcome = "handled"
                self.log.info("event_handled", milliseconds=round((time.perf_counter() - began) * 1000, 1))
                self.resting.wake(row.type)
            except Exception as error:
                self.log.warning("event_not_handled", error=describe(error), attempt=row.attempts + 1)
                raise
            finally:
                INBOX_SECONDS.labels(self.service, row.type, outcome).observe(time.perf_counter() - began)

    def readable(self, row: Received) -> tuple[Message, Handler]:
        if row.type not in self.handlers:
            raise Unreadable(f"this version of {self.service} handles no {row.type}; redrive after an update")
        event_class, handler = self.handlers[row.type]
        try:
            return event_class.FromString(row.payload), handler
        except DecodeError as error:
            raise Unreadable(f"the payload is no {row.type}: {error}") from error

    def settle(self, connection: Connection, row: Received, attempts: int, error: Exception) -> None:
        """Decides what becomes of a row that was not handled. attempts: this one included."""
        if isinstance(error, Failure) and error.code in AWAY:
            # The row waits longer than its type, so that another one is next to try whether the neighbour is back:
            # should it be this row alone that the neighbour cannot answer, the others pass it.
            seconds = 2 * self.resting.rest(row.type)
            inbox_rows.retry(connection, row, attempts - 1, seconds, describe(error))
        elif isinstance(error, Unreadable) or attempts >= MAX_ATTEMPTS:
            self.give_up(connection, row, describe(error))
        else:
            inbox_rows.retry(connection, row, attempts, retry_seconds(attempts), describe(error))

    def give_up(self, connection: Connection, row: Received, error: str) -> None:
        inbox_rows.fail(connection, row, error)
        self.log.error(
            "event_failed",
            eventType=row.type,
            eventId=str(row.id),
            aggregate=row.aggregate,
            error=error,
            traceId=row.traceparent[3:35],
        )


class Resting:
    """Types of events whose neighbour is away, each until when; only in memory, since nobody else needs to know."""

    def __init__(self) -> None:
        self.until: dict[str, tuple[float, float]] = {}

    def rest(self, event_type: str) -> float:
        """Seconds for which it rests now: longer each time, until wake()."""
        _, before = self.until.get(event_type, (0.0, 0.0))
        seconds = min(before * 2 or 1.0, LONGEST_REST_SECONDS)
        self.until[event_type] = (time.monotonic() + seconds, seconds)
        return seconds

    def wake(self, event_type: str) -> None:
        self.until.pop(event_type, None)

    def types(self) -> list[str]:
        now = time.monotonic()
        return [event_type for event_type, (until, _) in self.until.items() if until > now]


def retry_seconds(attempts: int) -> float:
    """1, 2, 4 … 300 seconds after the first, second, third … attempt, spread so that not all come back at once."""
    return min(2.0 ** (attempts - 1), LONGEST_RETRY_SECONDS) * random.uniform(0.75, 1.0)  # noqa: S311  # no secret


def describe(error: Exception) -> str:
    # PostgreSQL's text cannot hold NUL.
    return f"{type(error).__name__}: {error}".replace("\0", "")[:2000]
