"""What was to be sent, and what became of it.

That nobody was sent the same twice is seen only at the other end; here is seen that no row lets it happen.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, select

from mail.domain import ACKNOWLEDGEMENT
from mail.handlers.settling import GIVEN_UP_AFTER, LONGEST_REST
from mail.storage.tables import DELIVERIES, MESSAGES
from servicekit.checking import Finding, Look
from servicekit.checks import tried


def one_delivery_each(look: Look) -> Iterator[Finding]:
    names = ("id", "direction", "delivery_state", "ticket_id")
    of = DELIVERIES.c.id == MESSAGES.c.id
    count = select(func.count()).select_from(DELIVERIES).where(of).scalar_subquery().label("deliveries")
    ends = (select(func.max(DELIVERIES.c[name])).where(of).scalar_subquery() for name in ("done_at", "failed_at"))
    done, failed = ends
    columns = (*(MESSAGES.c[name] for name in names), count, done.label("done_at"), failed.label("failed_at"))
    query = select(*columns).where(MESSAGES.c.direction == "OUT")
    for _, rows in look.pages(query, MESSAGES.c.id):
        for row in rows:
            if words := contradiction(row):
                yield Finding(str(row.id), f"this message of ticket {row.ticket_id} {words}")


def contradiction(row: Row[Any]) -> str:
    """Between a message and its delivery."""
    state = row.delivery_state
    if row.deliveries != (0 if state == "DRAFT" else 1):
        return f"is {state} and has {row.deliveries} deliveries"
    ended = row.done_at is not None or row.failed_at is not None
    if state in ("QUEUED", "SENDING") and ended:
        return f"is {state}, and its delivery has ended"
    if state in ("SENT", "FAILED", "UNKNOWN") and not ended:
        return f"is {state}, and its delivery has not ended: it may be sent again"
    if state == "SENT" and row.done_at is None:
        return "is SENT, and its delivery has failed"
    return ""


def one_acknowledgement_each(look: Look) -> Iterator[Finding]:
    query = select(MESSAGES.c.ticket_id, MESSAGES.c.id).where(MESSAGES.c.automatic == ACKNOWLEDGEMENT)
    before: Row[Any] | None = None
    for _, rows in look.pages(query, MESSAGES.c.ticket_id, MESSAGES.c.id):
        for row in rows:
            if before is not None and before.ticket_id == row.ticket_id:
                yield Finding(str(row.ticket_id), f"this ticket was acknowledged by {before.id} and by {row.id}")
            before = row


def deliveries_go_on(look: Look) -> Iterator[Finding]:
    """A delivery may rest for hours; one whose turn has come waits for nothing but a worker."""
    waiting = DELIVERIES.c.done_at.is_(None) & DELIVERIES.c.failed_at.is_(None)
    for _, rows in look.pages(select(DELIVERIES).where(waiting), DELIVERIES.c.id):
        for row in rows:
            long_ago = look.before() - GIVEN_UP_AFTER - 2 * LONGEST_REST
            if row.next_at < look.before():
                doing = "is being sent by nobody" if row.sending else "waits to be sent"
                yield Finding(str(row.id), f"this message {doing} since {row.next_at:%F %T}; {tried(row)}")
            elif row.refused_since is not None and row.refused_since < long_ago:
                yield Finding(str(row.id), f"this message is refused since {row.refused_since:%F %T}, and not given up")
            elif row.next_at > datetime.now(UTC) + 2 * LONGEST_REST:
                yield Finding(str(row.id), f"this message is to be sent at {row.next_at:%F %T} only")
