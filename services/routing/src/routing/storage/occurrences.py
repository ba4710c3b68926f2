"""Queries over rules and occurrences."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, and_, func, select, text
from sqlalchemy.dialects.postgresql import insert

from routing.domain.occurrences import Occurrence, Place, Reason, State
from routing.storage.tables import LEVELS, OCCURRENCES, RULES
from servicekit.events import claims
from servicekit.events.inbox import describe


class Claimed(NamedTuple):
    """An occurrence that is this worker's until its lease ends. row: as servicekit.events.claims wants it back."""

    row: Row[Any]
    occurrence: Occurrence


class Routed(NamedTuple):
    id: UUID
    publisher_id: UUID | None
    # None: no rule knew where to.
    ticket_id: UUID | None
    # Of the ticket, for the log.
    protocol: str


def add(connection: Connection, occurrence: Occurrence, state: State, reason: Reason | None) -> bool:
    """False where it is known already."""
    done_at = None if state is State.NEW else func.clock_timestamp()
    added = insert(OCCURRENCES).values(**asdict(occurrence), state=state, reason=reason or "", done_at=done_at)
    return connection.scalar(added.on_conflict_do_nothing().returning(OCCURRENCES.c.id)) is not None


def claim(connection: Connection, rows: int, lease: timedelta) -> list[Claimed]:
    """The next due occurrences, only the first of each conversation: they reach tickets in the order they arrived."""
    earlier = OCCURRENCES.alias("earlier")
    waits = and_(
        earlier.c.conversation_id == OCCURRENCES.c.conversation_id,
        earlier.c.position < OCCURRENCES.c.position,
        earlier.c.done_at.is_(None),
        earlier.c.failed_at.is_(None),
    )
    first = ~select(earlier.c.id).where(waits).exists()
    claimed = claims.claim(connection, OCCURRENCES, rows, lease, order_by=[OCCURRENCES.c.position], where=[first])
    return [Claimed(row, Occurrence(**{name: getattr(row, name) for name in FIELDS})) for row in claimed]


FIELDS = tuple(Occurrence.__dataclass_fields__)


def places(connection: Connection, accounts: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Place]:
    """Where each account's first rule leads to. accounts: (organization, account)."""
    rules = connection.execute(
        select(RULES.c.organization_id, RULES.c.account_id, LEVELS.c.department_id, LEVELS.c.id, RULES.c.priority)
        .join_from(RULES, LEVELS, LEVELS.c.id == RULES.c.level_id)
        .where(RULES.c.account_id.in_({account for _, account in accounts}))
        # The first rule last, so that it is the one that stays.
        .order_by(RULES.c.position.desc())
    )
    found = {(organization, account): Place(*place) for organization, account, *place in rules}
    return {account: place for account, place in found.items() if account in accounts}


# Arrays, so that the statement is the same for any number of occurrences. One that is settled already stays as it is:
# its lease had ended and another worker was faster.
SETTLE = text("""
    UPDATE occurrences SET
        state = CASE WHEN routed.ticket_id IS NULL THEN 'WAITING' ELSE 'ROUTED' END,
        reason = CASE WHEN routed.ticket_id IS NULL THEN 'NO_RULE' ELSE '' END,
        publisher_id = routed.publisher_id, ticket_id = routed.ticket_id,
        done_at = clock_timestamp(), last_error = ''
    FROM unnest(CAST(:id AS uuid[]), CAST(:publisher_id AS uuid[]), CAST(:ticket_id AS uuid[]))
        AS routed (id, publisher_id, ticket_id)
    WHERE occurrences.id = routed.id AND occurrences.state = 'NEW'
""")


def settle(connection: Connection, routed: Sequence[Routed]) -> None:
    if routed:
        columns = ("id", "publisher_id", "ticket_id")
        connection.execute(SETTLE, {column: [getattr(one, column) for one in routed] for column in columns})


def retry(connection: Connection, row: Row[Any], error: Exception) -> bool:
    return claims.retry(connection, OCCURRENCES, row, error)


def set_aside(connection: Connection, row: Row[Any], error: Exception, seconds: float) -> None:
    """Not counted as an attempt, and yet as one that was tried: those are claimed alone and hold up no batch."""
    again = {"attempts": max(row.attempts, 1), "next_at": func.clock_timestamp() + timedelta(seconds=seconds)}
    connection.execute(
        OCCURRENCES.update().where(*claims.claimed(OCCURRENCES, row)).values(last_error=describe(error), **again)
    )


def fail(connection: Connection, row: Row[Any], error: Exception) -> None:
    claims.failed(connection, OCCURRENCES, row, error)


class Failed(NamedTuple):
    id: UUID
    organization_id: UUID
    failed_at: datetime
    last_error: str


GIVEN_UP = and_(OCCURRENCES.c.failed_at.is_not(None), OCCURRENCES.c.done_at.is_(None))


def failed(connection: Connection) -> list[Failed]:
    columns = (OCCURRENCES.c.id, OCCURRENCES.c.organization_id, OCCURRENCES.c.failed_at, OCCURRENCES.c.last_error)
    return [
        Failed(*row) for row in connection.execute(select(*columns).where(GIVEN_UP).order_by(OCCURRENCES.c.position))
    ]


def redrive(connection: Connection, ids: Collection[UUID] | None, waiting: bool) -> int:
    """Lets given-up ones (waiting: those without a rule) begin anew; ids None: all. Gives how many."""
    which = OCCURRENCES.c.state == State.WAITING if waiting else GIVEN_UP
    if ids is not None:
        which = and_(which, OCCURRENCES.c.id.in_(ids))
    anew = {"state": State.NEW, "reason": "", "done_at": None, "failed_at": None, "attempts": 0}
    again = OCCURRENCES.update().where(which).values(**anew, next_at=func.clock_timestamp())
    return len(connection.scalars(again.returning(OCCURRENCES.c.id)).all())


class Figures(NamedTuple):
    due: int
    # Of the oldest that is due, in seconds.
    age: float
    failed: int
    waiting: int


MEASURE = text("""
    SELECT (SELECT count(*) FROM occurrences WHERE done_at IS NULL AND failed_at IS NULL),
           (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0) FROM
               (SELECT received_at FROM occurrences WHERE done_at IS NULL AND failed_at IS NULL
                ORDER BY position LIMIT 1) AS oldest),
           (SELECT count(*) FROM occurrences WHERE failed_at IS NOT NULL AND done_at IS NULL),
           (SELECT count(*) FROM occurrences WHERE state = 'WAITING')
""")


def measure(connection: Connection) -> Figures:
    due, age, failed, waiting = connection.execute(MEASURE).one()
    return Figures(due, max(0.0, float(age)), failed, waiting)
