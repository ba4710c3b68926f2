"""What was awaited and did not come in time."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from ticket.domain import verbs
from ticket.domain.verbs import Verb
from ticket.handlers.recording import SYSTEM, Step, record
from ticket.storage import tickets


def expire(connection: Connection, now: datetime, limit: int, without: Collection[UUID] = ()) -> int:
    """Brings back up to `limit` tickets whose awaiting has run out; how many."""
    steps = [expiry(row) for row in tickets.lock_expired(connection, now, limit, without)]
    if steps:
        record(connection, steps, now)
    return len(steps)


def expire_each(
    connection: Connection, now: datetime, limit: int, without: Collection[UUID] = ()
) -> tuple[int, dict[UUID, Exception]]:
    """As expire(), but each by itself: how many, and those that failed, by id."""
    rows = tickets.lock_expired(connection, now, limit, without)
    failed: dict[UUID, Exception] = {}
    for row in rows:
        try:
            with connection.begin_nested():
                record(connection, [expiry(row)], now)
        except Exception as error:
            failed[row.id] = error
    return len(rows) - len(failed), failed


def expiry(row: Row[Any]) -> Step:
    old = tickets.facts_of(row)
    new = verbs.happen(Verb.EXPIRE, old)
    assert new is not None, "only what is pending is found"
    return Step(row, Verb.EXPIRE, old, new, SYSTEM)
