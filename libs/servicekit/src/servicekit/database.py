"""PostgreSQL: one engine per process, one commit per piece of work, at the edge."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from servicekit.telemetry import log

# A statement that takes longer is a defect; it must not hold locks while somebody looks for it.
STATEMENT_TIMEOUT_MS = 10_000
# Neither must a process that stopped between two statements, while its kernel goes on to say that it is alive: longer
# than the calls to neighbours that a handler makes between two statements.
IDLE_TIMEOUT_MS = 60_000
# A pooled connection that has rested for longer may have been cut off meanwhile, by a restart or a firewall.
PING_AFTER_SECONDS = 1.0
# A connection whose other end has vanished without a word is found out within half a minute, on both ends: else a dead
# leader's lock would be held for the two hours of TCP's default.
LIVELINESS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "options": "-c timezone=UTC -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
}


def timeouts() -> str:
    return f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MS}"


class Database:
    """The database of one service.

    `wakes` are NOTIFY channels that a committed transaction may poke, see poke().
    """

    def __init__(self, url: str, pool: int = 10) -> None:
        self.url = url
        self.engine: Engine = create_engine(
            url,
            pool_size=pool,
            max_overflow=pool,
            connect_args=LIVELINESS | {"options": f"{LIVELINESS['options']} {timeouts()}"},
            # Errors are logged and stored, and what people write has no place there.
            hide_parameters=True,
        )
        # Many rows are one statement. executemany would send them as a pipeline, in whose midst neither timeout holds:
        # who stops there keeps its locks for ever (seen: those of all joining of mails, by a frozen process).
        self.engine.dialect.use_insertmanyvalues_wo_returning = True
        event.listen(self.engine, "do_executemany", refuse)
        event.listen(self.engine, "checkin", rests)
        event.listen(self.engine, "checkout", self.see_alive)
        self.waker = Waker(self)

    def see_alive(self, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        """Asks a connection that has rested whether it still lives, and where not, has all of the pool made anew.

        pool_pre_ping asks before each transaction, which doubles the round trips of the short ones; under load a lost
        connection is found out by whoever uses it, as any that is lost within a transaction.
        """
        if time.monotonic() - record.info.get("rests since", math.inf) > PING_AFTER_SECONDS:
            try:
                self.engine.dialect.do_ping(connection)
            except psycopg.Error as error:
                raise InvalidatePoolError from error

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Commits at the end, or rolls everything back. What poke() asked for is sent after the commit."""
        with self.engine.connect() as connection:
            with connection.begin():
                yield connection
            for channel in connection.info.pop("poked", ()):
                self.waker.wake(channel)

    @contextmanager
    def listener(self, channel: str) -> Iterator[psycopg.Connection]:
        """A connection of its own that hears a channel; use .notifies(timeout=…, stop_after=1)."""
        with self.direct() as connection:
            connection.execute(f"LISTEN {channel}")
            yield connection

    def direct(self) -> psycopg.Connection:
        """An autocommitting connection outside of the pool, for LISTEN and session-wide advisory locks."""
        url = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url, autocommit=True, **LIVELINESS)

    def ready(self) -> bool:
        with self.engine.connect() as connection:
            return bool(connection.scalar(text("SELECT 1")) == 1)

    def close(self) -> None:
        self.waker.close()
        self.engine.dispose()


def refuse(_cursor: Any, statement: str, *_: Any) -> None:
    raise RuntimeError(f"write it as one statement for all rows, see Database: {statement}")


def rests(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests since"] = time.monotonic()


def poke(connection: Connection, channel: str) -> None:
    """Wakes whoever listens on a channel once this transaction has been committed.

    Not by NOTIFY within it: that takes one lock for the whole database until the commit is on disk, which serialises
    all writers (measured: 902 → 222 transactions a second).
    """
    connection.info.setdefault("poked", set()).add(channel)


def hear(listener: psycopg.Connection, stop: threading.Event, seconds: float = 1.0) -> None:
    """Returns at a notification, after `seconds`, or soon after stop was set. psycopg.Error: the connection is lost."""
    deadline = time.monotonic() + seconds
    while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
        if list(listener.notifies(timeout=min(left, 0.2), stop_after=1)):
            return


class Waker:
    """Sends NOTIFY from a connection and thread of its own; many wakes while one is under way become one."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.lock = threading.Condition()
        self.wanted: set[str] = set()
        self.closed = False
        self.thread: threading.Thread | None = None

    def wake(self, channel: str) -> None:
        with self.lock:
            self.wanted.add(channel)
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="waker", daemon=True)
                self.thread.start()
            self.lock.notify()

    def run(self) -> None:
        connection: psycopg.Connection | None = None
        while channels := self.take():
            try:
                connection = connection or self.database.direct()
                for channel in channels:
                    connection.execute("SELECT pg_notify(%s, '')", (channel,))
            except psycopg.Error as error:
                # Listeners also poll, so a lost wake costs a second, never a message.
                log("database").warning("wake_lost", error=str(error))
                connection = None
        if connection is not None:
            connection.close()

    def take(self) -> set[str]:
        with self.lock:
            self.lock.wait_for(lambda: self.wanted or self.closed)
            taken, self.wanted = self.wanted, set()
            return taken if not self.closed else set()

    def close(self) -> None:
        with self.lock:
            self.closed = True
            self.lock.notify()
        if self.thread is not None:
            self.thread.join(timeout=5)
