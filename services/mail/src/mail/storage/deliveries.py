"""Messages on their way out: the queue of what is to be sent, and how far each message has come.

A row is queued, or being sent under a lease, or ended. Unlike other work, what was interrupted is never done again by
itself, so these rows are not claimed by servicekit.events.claims; only a lease is renewed by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from mail.domain import Delivery, Message
from mail.storage.tables import CONVERSATIONS, DELIVERIES, MESSAGES, TICKETS

MOST_COUNTED = 10_000
LIVE = DELIVERIES.c.done_at.is_(None) & DELIVERIES.c.failed_at.is_(None)
NEXT_VERSION = MESSAGES.c.delivery_version + 1
DUE = LIVE & (DELIVERIES.c.next_at <= func.clock_timestamp())


def add(connection: Connection, delivery: Delivery) -> None:
    """Queues a message. A reply that was released is not released again."""
    row = {name: getattr(delivery, name) for name in delivery.__slots__}
    connection.execute(insert(DELIVERIES).values(row).on_conflict_do_nothing())


def release(connection: Connection, message_id: UUID, ticket_id: UUID) -> Message | None:
    """The draft, no longer one. None where there is none, or it is on its way already."""
    draft = (MESSAGES.c.id == message_id) & (MESSAGES.c.ticket_id == ticket_id) & (MESSAGES.c.delivery_state == "DRAFT")
    now = func.clock_timestamp()
    released = {"delivery_state": "QUEUED", "delivery_at": now, "received_at": now, "delivery_version": NEXT_VERSION}
    row = connection.execute(update(MESSAGES).where(draft).values(released).returning(MESSAGES)).one_or_none()
    return Message(**row._mapping) if row else None


def lock_message(connection: Connection, message_id: UUID) -> tuple[Message, UUID] | None:
    """A message that leaves, with its organization; nobody else changes it until the commit."""
    return lock_messages(connection, [message_id]).get(message_id)


def lock_messages(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, tuple[Message, UUID]]:
    if not ids:
        return {}
    query = (
        select(MESSAGES, CONVERSATIONS.c.organization_id)
        .join(CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id)
        .where(MESSAGES.c.id.in_(ids), MESSAGES.c.direction == "OUT")
        .order_by(MESSAGES.c.id)
        .with_for_update(of=MESSAGES)
    )
    found = {}
    for row in connection.execute(query):
        values = dict(row._mapping)
        organization_id = values.pop("organization_id")
        found[row.id] = Message(**values), organization_id
    return found


def set_state(
    connection: Connection, ids: Sequence[UUID], state: str, detail: str = "", refused: Sequence[Any] = ()
) -> dict[UUID, int]:
    """Of these messages; the version of each one's delivery that this is."""
    changed = {"delivery_state": state, "delivery_detail": detail, "refused": list(refused)}
    now = {"delivery_at": func.clock_timestamp(), "delivery_version": NEXT_VERSION}
    statement = update(MESSAGES).where(MESSAGES.c.id.in_(ids)).values(changed | now)
    found = connection.execute(statement.returning(MESSAGES.c.id, MESSAGES.c.delivery_version))
    return {row.id: row.delivery_version for row in found}


def lock_next(connection: Connection, together: int) -> Sequence[Row[Any]]:
    """The one that has been due for longest and that nobody else is about to send; of acknowledgements that never were
    interrupted up to so many."""
    waiting = select(DELIVERIES).where(DUE, ~DELIVERIES.c.sending).order_by(DELIVERIES.c.next_at)
    first = connection.execute(waiting.limit(1).with_for_update(skip_locked=True)).all()
    if not first or first[0].kind != "ACKNOWLEDGEMENT" or first[0].interruptions:
        return first
    alike = (DELIVERIES.c.kind == "ACKNOWLEDGEMENT") & (DELIVERIES.c.interruptions == 0)
    return connection.execute(waiting.where(alike).limit(together).with_for_update(skip_locked=True)).all()


def anything_due(connection: Connection) -> bool:
    return connection.execute(select(DELIVERIES.c.id).where(DUE, ~DELIVERIES.c.sending).limit(1)).first() is not None


def begin(connection: Connection, ids: Sequence[UUID], lease: timedelta) -> dict[UUID, int]:
    """The number of each one's attempt, by which lock_mine() knows it."""
    sending = {
        "sending": True,
        "attempts": DELIVERIES.c.attempts + 1,
        "next_at": func.clock_timestamp() + lease,
    }
    begun = update(DELIVERIES).where(DELIVERIES.c.id.in_(ids)).values(sending)
    return {row.id: row.attempts for row in connection.execute(begun.returning(DELIVERIES.c.id, DELIVERIES.c.attempts))}


def mark_sending(connection: Connection, ids: Sequence[UUID]) -> None:
    """Their messages; what was said of an earlier attempt stands until this one ends."""
    now = {"delivery_at": func.clock_timestamp(), "delivery_version": NEXT_VERSION}
    sending = {"delivery_state": "SENDING", "refused": []}
    connection.execute(update(MESSAGES).where(MESSAGES.c.id.in_(ids)).values(sending | now))


def keep_file(connection: Connection, delivery_id: UUID, file_key: str) -> None:
    connection.execute(update(DELIVERIES).where(DELIVERIES.c.id == delivery_id).values(file_key=file_key))


def lock(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The attempts of each. Before their messages, always in this order."""
    query = select(DELIVERIES.c.id, DELIVERIES.c.attempts).where(DELIVERIES.c.id.in_(ids)).order_by(DELIVERIES.c.id)
    return {row.id: row.attempts for row in connection.execute(query.with_for_update())}


def lock_mine(connection: Connection, delivery_id: UUID, attempt: int) -> Row[Any] | None:
    """None where another attempt has begun meanwhile, or somebody has asked for one."""
    mine = (DELIVERIES.c.id == delivery_id) & (DELIVERIES.c.attempts == attempt)
    return connection.execute(select(DELIVERIES).where(mine).with_for_update()).one_or_none()


def lock_interrupted(connection: Connection, rows: int) -> Sequence[Row[Any]]:
    """Those whose sender has not come back within its lease."""
    query = select(DELIVERIES).where(DUE, DELIVERIES.c.sending).order_by(DELIVERIES.c.next_at).limit(rows)
    return connection.execute(query.with_for_update(skip_locked=True)).all()


def end(connection: Connection, ids: Sequence[UUID], *, done: bool, detail: str) -> None:
    now = func.clock_timestamp()
    ended = {
        "sending": False,
        "last_error": detail,
        "done_at": now if done else None,
        "failed_at": None if done else now,
    }
    connection.execute(update(DELIVERIES).where(DELIVERIES.c.id.in_(ids)).values(ended))


def put_back(
    connection: Connection,
    delivery_id: UUID,
    seconds: float,
    detail: str,
    refused_since: datetime | None,
    *,
    interrupted: bool = False,
) -> None:
    """To be sent again after so long. Whoever still sends it cannot settle it any more. interrupted: they died."""
    again: dict[str, Any] = {
        "sending": False,
        "attempts": DELIVERIES.c.attempts + 1,
        "next_at": func.clock_timestamp() + timedelta(seconds=seconds),
        "last_error": detail,
        "refused_since": refused_since,
        "done_at": None,
        "failed_at": None,
    }
    if interrupted:
        again["interruptions"] = DELIVERIES.c.interruptions + 1
    connection.execute(update(DELIVERIES).where(DELIVERIES.c.id == delivery_id).values(again))


def queue_anew(connection: Connection, delivery_id: UUID, recipients: Sequence[str]) -> None:
    """As if it had never been tried. recipients: empty for those of the last attempt."""
    put_back(connection, delivery_id, 0, "", None)
    anew: dict[str, Any] = {"created_at": func.clock_timestamp(), "interruptions": 0}
    if recipients:
        anew["recipients"] = list(recipients)
    connection.execute(update(DELIVERIES).where(DELIVERIES.c.id == delivery_id).values(anew))


@dataclass(frozen=True, slots=True)
class Queue:
    """due: could be sent now; waiting: those and the ones being sent or resting; oldest: when that was queued, of those
    no server has refused for now."""

    due: int
    waiting: int
    oldest: datetime | None


MEASURE = text("""
    WITH waiting AS (
        SELECT sending, next_at, created_at, refused_since FROM deliveries
        WHERE done_at IS NULL AND failed_at IS NULL ORDER BY next_at LIMIT :most)
    SELECT count(*) FILTER (WHERE next_at <= clock_timestamp() AND NOT sending) AS due, count(*) AS waiting,
           min(created_at) FILTER (WHERE refused_since IS NULL) AS oldest
    FROM waiting
""")


def measure(connection: Connection) -> Queue:
    return Queue(**connection.execute(MEASURE, {"most": MOST_COUNTED}).one()._mapping)


def undelivered(connection: Connection, limit: int) -> Sequence[Any]:
    """FAILED and UNKNOWN, the latest first."""
    query = (
        select(
            MESSAGES.c.id,
            MESSAGES.c.delivery_state,
            MESSAGES.c.delivery_at,
            MESSAGES.c.automatic,
            MESSAGES.c.delivery_detail,
            TICKETS.c.protocol,
        )
        .join(TICKETS, TICKETS.c.id == MESSAGES.c.ticket_id, isouter=True)
        .where(MESSAGES.c.delivery_state.in_(("FAILED", "UNKNOWN")))
        .order_by(MESSAGES.c.delivery_at.desc())
    )
    return connection.execute(query.limit(limit)).all()
