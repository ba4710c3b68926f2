"""The inbox: events received and committed, waiting to be handled by this service."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    select,
    text,
)

from servicekit.database import Database, poke
from servicekit.events.envelope import Envelope
from servicekit.telemetry import INBOX_AGE, INBOX_FAILED, INBOX_ROWS

CHANNEL = "guiche_inbox"

INBOX = Table(
    "inbox",
    MetaData(),
    Column("position", BigInteger, Identity(), primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("aggregate", Text, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
    # Emptied once handled: what it said is then in the service's own tables, and personal data must not stay behind
    # where nobody looks for it. The id stays for two weeks, to know the event when it comes again.
    Column("payload", LargeBinary, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("attempts", Integer, nullable=False),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("last_error", Text, nullable=False),
    Column("done_at", DateTime(timezone=True)),
    Column("failed_at", DateTime(timezone=True)),
)

WAITING = INBOX.c.done_at.is_(None) & INBOX.c.failed_at.is_(None)

# Arrays, so that the statement is the same for any number of rows and is planned once; ORDER BY, so that positions are
# given in the order of the list.
STORE = text("""
    INSERT INTO inbox (id, type, source, aggregate, time, payload, traceparent, actor)
    SELECT id, type, source, aggregate, time, payload, traceparent, actor
    FROM unnest(CAST(:id AS uuid[]), CAST(:type AS text[]), CAST(:source AS text[]), CAST(:aggregate AS text[]),
                CAST(:time AS timestamptz[]), CAST(:payload AS bytea[]), CAST(:traceparent AS text[]),
                CAST(:actor AS text[])) WITH ORDINALITY
         AS event (id, type, source, aggregate, time, payload, traceparent, actor, n)
    ORDER BY n
    ON CONFLICT (id) DO NOTHING
""")
FIELDS = ("id", "type", "source", "aggregate", "time", "payload", "traceparent", "actor")


def store(connection: Connection, envelopes: Sequence[Envelope]) -> None:
    """Puts events into the inbox, in order; those it knows already are passed over."""
    columns = {field: [getattr(envelope, field) for envelope in envelopes] for field in FIELDS}
    connection.execute(STORE, columns)
    poke(connection, CHANNEL)


class Received(NamedTuple):
    """A row to be handled."""

    position: int
    id: UUID
    type: str
    aggregate: str
    payload: bytes
    traceparent: str
    attempts: int
    last_error: str


# Only the first waiting row of each aggregate may be handled, so the order of their commits is kept, also by
# two workers at once. Not as NOT EXISTS: without fresh statistics that is planned as a join that reads the inbox once
# per row (measured: 2.5 s a claim with 100,000 waiting, this one 40 ms). Rows before a first one do not appear later,
# since an aggregate's events arrive in order; except by redrive, and handlers take only what is newer.
DUE = """
    SELECT position, id, type, aggregate, payload, traceparent, attempts, last_error
    FROM inbox AS candidate
    WHERE done_at IS NULL AND failed_at IS NULL AND attempts {attempts}
      AND next_at <= clock_timestamp() AND type <> ALL(CAST(:resting AS text[]))
      AND position = (
          SELECT first.position FROM inbox AS first
          WHERE first.aggregate = candidate.aggregate AND first.done_at IS NULL AND first.failed_at IS NULL
          ORDER BY first.position LIMIT 1)
    ORDER BY position LIMIT :rows
    FOR UPDATE OF candidate SKIP LOCKED
"""
FRESH = text(DUE.format(attempts="= 0"))
TRIED = text(DUE.format(attempts="> 0"))


def claim(connection: Connection, rows: int, resting: list[str]) -> list[Received]:
    """The next rows never tried before, locked until the end of the transaction."""
    return [Received(*row) for row in connection.execute(FRESH, {"rows": rows, "resting": resting})]


def claim_one(connection: Connection, resting: list[str], *, fresh_too: bool) -> Received | None:
    """The next row tried before; where there is none, one never tried if `fresh_too`."""
    for query in (TRIED, FRESH) if fresh_too else (TRIED,):
        if row := connection.execute(query, {"rows": 1, "resting": resting}).first():
            return Received(*row)
    return None


def count(connection: Connection, row: Received, seconds: float) -> Received:
    """Counts an attempt before it is made. `seconds` is also the lease: the row is not due again before."""
    counted = row._replace(attempts=row.attempts + 1)
    update(
        connection,
        row,
        attempts=counted.attempts,
        next_at=in_seconds(seconds),
        last_error=f"attempt {counted.attempts} began and did not end: the process died or lost its database",
    )
    return counted


def still_mine(connection: Connection, row: Received) -> bool:
    """Locks a counted row; False where another worker has counted or handled it since."""
    mine = (INBOX.c.position == row.position) & (INBOX.c.attempts == row.attempts) & WAITING
    return connection.execute(select(INBOX.c.id).where(mine).with_for_update(skip_locked=True)).first() is not None


def complete(connection: Connection, positions: list[int]) -> None:
    if positions:
        done = {"done_at": func.clock_timestamp(), "payload": b"", "last_error": ""}
        connection.execute(INBOX.update().where(INBOX.c.position == func.any(positions)).values(done))


def retry(connection: Connection, row: Received, attempts: int, seconds: float, error: str) -> None:
    update(connection, row, attempts=attempts, next_at=in_seconds(seconds), last_error=error)


def fail(connection: Connection, row: Received, error: str) -> None:
    update(connection, row, failed_at=func.clock_timestamp(), last_error=error)


def update(connection: Connection, row: Received, **values: Any) -> None:
    connection.execute(INBOX.update().where((INBOX.c.position == row.position) & WAITING).values(values))


def in_seconds(seconds: float) -> ColumnElement[Any]:
    return func.clock_timestamp() + timedelta(seconds=seconds)


MEASURE = text("""
    SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL AND failed_at IS NULL),
           (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0)
            FROM inbox WHERE done_at IS NULL AND failed_at IS NULL),
           (SELECT count(*) FROM inbox WHERE failed_at IS NOT NULL AND done_at IS NULL)
""")
# Few at a time, so that the purge never shows in the time of an event.
PURGE_ROWS = 1000
PURGE = text("""
    DELETE FROM inbox WHERE position IN (
        SELECT position FROM inbox WHERE done_at < clock_timestamp() - CAST(:keep AS interval)
        ORDER BY done_at LIMIT :rows FOR UPDATE SKIP LOCKED)
""")


def keep_house(database: Database, service: str, keep: timedelta) -> None:
    """Measures, and drops some of what was handled long ago."""
    with database.transaction() as connection:
        waiting, age, failed = connection.execute(MEASURE).one()
        connection.execute(PURGE, {"keep": keep, "rows": PURGE_ROWS})
    INBOX_ROWS.labels(service).set(waiting)
    INBOX_AGE.labels(service).set(max(0.0, float(age)))
    INBOX_FAILED.labels(service).set(failed)
