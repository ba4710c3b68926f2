"""What must be true of the events and work queues of every service."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Row, Table, select

from servicekit.checking import Check, Finding, Look
from servicekit.events.inbox_rows import INBOX
from servicekit.events.outbox import OUTBOX

ADDRESS = re.compile(r"[^\s<>\"']+@[^\s<>\"']+")


def outbox_drains(look: Look) -> Iterator[Finding]:
    for _, rows in look.pages(select(OUTBOX.c.position, OUTBOX.c.id, OUTBOX.c.type, OUTBOX.c.time), OUTBOX.c.position):
        for row in rows:
            if row.time < look.before():
                yield Finding(str(row.id), f"{row.type} has waited to be delivered since {row.time:%F %T}")


WAITING = INBOX.c.done_at.is_(None) & INBOX.c.failed_at.is_(None)
GIVEN_UP = INBOX.c.done_at.is_(None) & INBOX.c.failed_at.is_not(None)
EVENT = select(
    INBOX.c.position,
    INBOX.c.id,
    INBOX.c.type,
    INBOX.c.received_at,
    INBOX.c.attempts,
    INBOX.c.last_error,
    INBOX.c.failed_at,
)


def inbox_drains(look: Look) -> Iterator[Finding]:
    for _, rows in look.pages(EVENT.where(WAITING), INBOX.c.position):
        for row in rows:
            if row.received_at < look.before():
                yield Finding(str(row.id), f"{row.type} waits since {row.received_at:%F %T}; {tried(row)}")


def no_event_is_given_up(look: Look) -> Iterator[Finding]:
    for _, rows in look.pages(EVENT.where(GIVEN_UP), INBOX.c.position):
        for row in rows:
            yield Finding(str(row.id), f"{row.type} was given up at {row.failed_at:%F %T}; {tried(row)}")


def tried(row: Row[Any]) -> str:
    """What became of the attempts at a row of a work queue."""
    times = f"tried {row.attempts} times" if row.attempts else "never tried"
    # Findings are copied into chats, and a mail server's words repeat the address it refuses.
    return f"{times}, last: {ADDRESS.sub('…@…', row.last_error[:200])}" if row.last_error else times


EVENTS = (
    Check("What happened here is told to everybody in time (outbox)", outbox_drains),
    Check("What others told is handled in time (inbox)", inbox_drains),
    Check("No event was given up", no_event_is_given_up),
)


def work_is_done(table: Table, what: str, since: str) -> Callable[[Look], Iterator[Finding]]:
    """Of a queue that servicekit.events.claims works off: nothing waits for longer than the grace. since: a column."""
    waiting = table.c.done_at.is_(None) & table.c.failed_at.is_(None)
    columns = (table.c.id, table.c.attempts, table.c.last_error, table.c[since].label("since"))

    def find(look: Look) -> Iterator[Finding]:
        for _, rows in look.pages(select(*columns).where(waiting), table.c.id):
            for row in rows:
                if row.since < look.before():
                    yield Finding(str(row.id), f"this {what} waits since {row.since:%F %T}; {tried(row)}")

    return find
