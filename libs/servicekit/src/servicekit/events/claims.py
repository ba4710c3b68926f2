"""Work queues that are no inbox (raw mails, occurrences): claimed by lease, settled by any transaction.

The table has the columns id, attempts, next_at, failed_at, done_at and last_error. A claim is committed before the work
begins and counts as an attempt, so work that kills its process waits longer each time and is given up like any other.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from grpc import StatusCode
from sqlalchemy import ColumnElement, Connection, Row, Table, Update, func, select
from sqlalchemy.exc import SQLAlchemyError

from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.events.inbox import AWAY, MAX_ATTEMPTS, describe, retry_seconds

AWAY_SECONDS = 5.0
# Work that takes longer has hung, and is for another process to try; where nothing else is said.
LONGEST_WORK = timedelta(minutes=5)
NEVER_ENDED = "the last attempt began and did not end: the process died or lost its database"


class NotTried(Failure):
    """Costs no attempt: what is away for an hour must not use up the attempts of an hour's work."""

    code = StatusCode.UNAVAILABLE
    reason = "NOT_TRIED"


def claim(
    connection: Connection,
    table: Table,
    rows: int,
    lease: timedelta,
    order_by: Sequence[ColumnElement[Any]] = (),
    where: Sequence[ColumnElement[bool]] = (),
) -> list[Row[Any]]:
    """Up to `rows` due rows, whole, in order; nobody else gets them before the lease has passed.

    Commit before working on them. order_by: the id by default, which for UUIDv7 is the order of arrival. where: only
    rows that meet these as well. A row tried before comes alone: had it killed the process, its neighbours in the batch
    would be counted down with it.
    """
    due = table.c.done_at.is_(None) & table.c.failed_at.is_(None) & (table.c.next_at <= func.clock_timestamp())
    exhausted = {"failed_at": func.clock_timestamp(), "last_error": NEVER_ENDED}
    connection.execute(table.update().where(due, table.c.attempts >= MAX_ATTEMPTS, *where).values(exhausted))
    order = order_by or [table.c.id]
    for tried, limit in ((table.c.attempts > 0, 1), (table.c.attempts == 0, rows)):
        query = select(table).where(due, tried, *where).order_by(*order).limit(limit)
        found = connection.execute(query.with_for_update(skip_locked=True)).all()
        if found:
            ids = [row.id for row in found]
            leased = {"attempts": table.c.attempts + 1, "next_at": func.clock_timestamp() + lease}
            connection.execute(table.update().where(table.c.id.in_(ids)).values(leased))
            return list(found)
    return []


@contextmanager
def renewing(
    database: Database,
    table: Table,
    ids: Sequence[UUID],
    lease: timedelta,
    longest: timedelta = LONGEST_WORK,
    where: Sequence[ColumnElement[bool]] = (),
) -> Iterator[None]:
    """While this lasts, the lease does not run out. So it may be short: work whose process died is soon taken over.

    longest: of the work; what takes longer has hung. Settle the rows after it has been left, or let `where` say that a
    row is not settled yet: else one put back for an hour might be due when the lease ends.
    """
    ended = threading.Event()
    mine = table.c.id.in_(ids) & table.c.done_at.is_(None) & table.c.failed_at.is_(None)
    longer = table.update().where(mine, *where).values(next_at=func.clock_timestamp() + lease)
    times = int(3 * longest / lease)
    renewal = threading.Thread(target=renew, args=(database, longer, lease, times, ended), name="lease", daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()


def renew(database: Database, longer: Update, lease: timedelta, times: int, ended: threading.Event) -> None:
    for _ in range(times):
        if ended.wait(lease.total_seconds() / 3):
            break
        # Where it fails, the lease may run out: then another does the work again, and what is settled first stands.
        with suppress(SQLAlchemyError), database.transaction() as connection:
            connection.execute(longer)


def done(connection: Connection, table: Table, ids: Sequence[UUID], **also: Any) -> None:
    """also: other columns to set, e.g. what the work found out."""
    settled = {"done_at": func.clock_timestamp(), "last_error": "", **also}
    connection.execute(table.update().where(table.c.id.in_(ids)).values(settled))


def retry(connection: Connection, table: Table, row: Row[Any], error: Exception) -> bool:
    """Back to the queue after an attempt that failed; given up after the last one, then the answer is False.

    row: as claim() gave it, so its attempts are those before. A neighbour that is away costs no attempt. Where the
    lease ran out meanwhile, and another has taken the row over or settled it, nothing is changed.
    """
    away = isinstance(error, Failure) and error.code in AWAY
    if row.attempts + 1 >= MAX_ATTEMPTS and not away:
        failed(connection, table, row, error)
        return False
    attempts, seconds = (row.attempts, AWAY_SECONDS) if away else (row.attempts + 1, retry_seconds(row.attempts + 1))
    again = {"attempts": attempts, "next_at": func.clock_timestamp() + timedelta(seconds=seconds)}
    connection.execute(table.update().where(*claimed(table, row)).values(last_error=describe(error), **again))
    return True


def failed(connection: Connection, table: Table, row: Row[Any], error: Exception) -> None:
    """Given up: visible, and left alone until somebody redrives it; unless another has taken it over, as in retry()."""
    given_up = {"failed_at": func.clock_timestamp(), "last_error": describe(error)}
    connection.execute(table.update().where(*claimed(table, row)).values(given_up))


def claimed(table: Table, row: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    """Still by the claim that gave the row, and not settled."""
    same = (table.c.id == row.id) & (table.c.attempts == row.attempts + 1)
    return same, table.c.done_at.is_(None), table.c.failed_at.is_(None)
