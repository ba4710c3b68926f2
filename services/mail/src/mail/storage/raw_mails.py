"""Mails as they arrived, waiting to be ingested or set aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from mail.domain import RawMail
from mail.storage.tables import RAW_MAILS, values_of

MOST_COUNTED = 10_000


def add(connection: Connection, mails: Sequence[RawMail]) -> set[UUID]:
    """The ids of those that were new in their mailbox."""
    # Always in the same order, so that two receivers that store the same mails wait for each other in one direction.
    rows = values_of(sorted(mails, key=lambda mail: mail.identity))
    statement = insert(RAW_MAILS).on_conflict_do_nothing(index_elements=["account_id", "message_id", "content_hash"])
    return set(connection.execute(statement.returning(RAW_MAILS.c.id), rows).scalars())


def lock_waiting(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those nobody has settled, which until the commit nobody else can settle either."""
    query = select(RAW_MAILS.c.id).where(RAW_MAILS.c.id.in_(ids), RAW_MAILS.c.state == "WAITING")
    return set(connection.execute(query.order_by(RAW_MAILS.c.id).with_for_update()).scalars())


# A parent is mostly settled within a second; one that rests after a failure may take an hour.
POSTPONE = text("""
    UPDATE raw_mails SET attempts = greatest(attempts - 1, 0),
        next_at = clock_timestamp() + least(interval '10 seconds',
            greatest(interval '300 milliseconds', (clock_timestamp() - received_at) / 10))
    WHERE id = ANY (CAST(:ids AS uuid[]))
""")


def postpone(connection: Connection, ids: Sequence[UUID]) -> None:
    """Back to the queue for a moment, longer for older ones, as if they had not been claimed."""
    if ids:
        connection.execute(POSTPONE, {"ids": list(ids)})


@dataclass(frozen=True, slots=True)
class Queue:
    """due: mails that could be ingested now; waiting: those and the ones under way or resting after a failure."""

    due: int
    waiting: int
    oldest: datetime | None
    quarantined: int


MEASURE = text("""
    WITH waiting AS (
        SELECT next_at, received_at FROM raw_mails WHERE done_at IS NULL AND failed_at IS NULL ORDER BY id LIMIT :most)
    SELECT count(*) FILTER (WHERE next_at <= clock_timestamp()) AS due, count(*) AS waiting,
           min(received_at) AS oldest,
           (SELECT count(*) FROM raw_mails WHERE failed_at IS NOT NULL) AS quarantined
    FROM waiting
""")


def measure(connection: Connection) -> Queue:
    return Queue(**connection.execute(MEASURE, {"most": MOST_COUNTED}).one()._mapping)


def quarantined(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Newest first."""
    query = select(RAW_MAILS).where(RAW_MAILS.c.failed_at.is_not(None)).order_by(RAW_MAILS.c.id.desc()).limit(limit)
    return connection.execute(query).all()


def find(connection: Connection, raw_mail_id: UUID) -> Row[Any] | None:
    return connection.execute(select(RAW_MAILS).where(RAW_MAILS.c.id == raw_mail_id)).one_or_none()


def release(connection: Connection, raw_mail_id: UUID) -> bool:
    """Out of quarantine, to be ingested as if new; False where it is not in there."""
    anew = {"failed_at": None, "attempts": 0, "next_at": func.clock_timestamp(), "last_error": ""}
    in_quarantine = (RAW_MAILS.c.id == raw_mail_id) & RAW_MAILS.c.failed_at.is_not(None)
    released = update(RAW_MAILS).where(in_quarantine).values(anew).returning(RAW_MAILS.c.id)
    return connection.execute(released).one_or_none() is not None
