"""What checks of live data are made of: a visible list per service, each saying one promise in words.

A check only reads: in transactions that cannot write, short enough to hold up neither locks nor vacuum, one page of a
table at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, create_engine, tuple_

from servicekit.database import LIVELINESS
from servicekit.ids import made_at

PAGE = 500
STATEMENT_SECONDS = 60
# Each page is planned by itself: what is right for any page, and for any value, leaves partial indexes unused.
READING = (
    f"{LIVELINESS['options']} -c default_transaction_read_only=on -c statement_timeout={STATEMENT_SECONDS}s "
    "-c plan_cache_mode=force_custom_plan -c lock_timeout=2s -c idle_in_transaction_session_timeout=60s"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as promised. what: its id, or whatever else names it the next time one looks.

    standing: how far it has come, where that is seen: what has come further by the next time is under way.
    """

    what: str
    words: str
    standing: str = ""


class Counter:
    """seen: how many things a check has looked at."""

    def __init__(self) -> None:
        self.seen = 0


class Look(Counter):
    """Looks into one service's database.

    What is younger than `grace` may be under way.
    """

    def __init__(self, url: str, grace: timedelta, page: int = PAGE) -> None:
        super().__init__()
        # One snapshot for a page and all that belongs to it, so that a change in between is no contradiction.
        connecting = LIVELINESS | {"options": READING, "application_name": "guiche check"}
        self.engine = create_engine(
            url, pool_size=1, pool_pre_ping=True, isolation_level="REPEATABLE READ", connect_args=connecting
        )
        self.grace, self.page = grace, page

    def young(self, *moments: datetime | UUID | None) -> bool:
        """Whether any of these is so late that the rest may still be on its way. Ids tell when they were made."""
        now = datetime.now(UTC)
        times = (said_by(moment) if isinstance(moment, UUID) else moment for moment in moments)
        return any(time is not None and timedelta(0) <= now - time < self.grace for time in times)

    def before(self) -> datetime:
        """What is older than this should have been done."""
        return datetime.now(UTC) - self.grace

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def pages(self, query: Select[Any], *keys: ColumnElement[Any]) -> Iterator[tuple[Connection, Sequence[Row[Any]]]]:
        """All rows in the order of a unique key, page by page, each with the snapshot it was read in.

        The query selects the key. It wants an index, and what the query leaves out should be little or have one too: a
        page is made by one statement, which reads all that lies between its rows and has STATEMENT_SECONDS.
        """
        last: Row[Any] | None = None
        while True:
            with self.snapshot() as connection:
                rows = self.next_page(connection, query, keys, last)
                if rows:
                    yield connection, rows
            if len(rows) < self.page:
                return
            last = rows[-1]

    def rows(self, query: Select[Any], *keys: ColumnElement[Any]) -> Iterator[Row[Any]]:
        """As pages(), for what takes its time with each row: no transaction is open meanwhile."""
        for rows in self.batches(query, *keys):
            yield from rows

    def batches(self, query: Select[Any], *keys: ColumnElement[Any]) -> Iterator[Sequence[Row[Any]]]:
        """As rows(), a page at a time."""
        last: Row[Any] | None = None
        while True:
            with self.snapshot() as connection:
                rows = self.next_page(connection, query, keys, last)
            if rows:
                yield rows
            if len(rows) < self.page:
                return
            last = rows[-1]

    def next_page(
        self, connection: Connection, query: Select[Any], keys: Sequence[ColumnElement[Any]], last: Row[Any] | None
    ) -> Sequence[Row[Any]]:
        if last is not None:
            query = query.where(tuple_(*keys) > tuple_(*(last._mapping[key] for key in keys)))
        rows = connection.execute(query.order_by(*keys).limit(self.page)).all()
        self.seen += len(rows)
        return rows

    def close(self) -> None:
        self.engine.dispose()


def said_by(id: UUID) -> datetime | None:
    """When an id was made; None for one that was made otherwise, and whose time no calendar has."""
    try:
        return made_at(id)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Check:
    """One promise and the function that looks whether it is kept.

    leftover: where it is not, nothing is lost but room on the disk.
    """

    promise: str
    find: Callable[[Look], Iterator[Finding]]
    leftover: bool = False
