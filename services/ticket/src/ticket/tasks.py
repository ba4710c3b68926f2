"""Loops ↔ handlers: what comes by time."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from servicekit.database import Database
from servicekit.events.trouble import Trouble
from servicekit.process import Loop
from servicekit.telemetry import log
from ticket.handlers import awaiting

BATCH = 100
SECONDS = 1.0
# After which a ticket that could not be brought back is tried again.
REST = timedelta(minutes=1)


def awaiting_loop(database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Loop:
    """Brings back what has waited long enough, within about a second. Any number may run at once."""

    def run(stop: threading.Event) -> None:
        away = Trouble(log("ticket"), "awaiting_database")
        resting: dict[UUID, datetime] = {}
        while not stop.is_set():
            try:
                expired = bring_back(database, clock(), resting)
            except SQLAlchemyError as error:
                stop.wait(away.met(error))
                continue
            away.over()
            if expired:
                log("ticket").info("awaiting_expired", tickets=expired)
            if expired < BATCH:
                stop.wait(SECONDS)

    return run


def bring_back(database: Database, now: datetime, resting: dict[UUID, datetime]) -> int:
    """How many. Where a batch fails, each of it by itself; what fails alone rests, so that it holds up no other.

    resting: until when, by ticket.
    """
    without = [ticket_id for ticket_id, until in resting.items() if until > now]
    try:
        with database.transaction() as connection:
            return awaiting.expire(connection, now, BATCH, without)
    except Exception as error:
        batch_failure = type(error).__name__
    # Where it is the database that is away, this raises too.
    with database.transaction() as connection:
        expired, failed = awaiting.expire_each(connection, now, BATCH, without)
    log("ticket").warning("awaiting_batch_failed", error_type=batch_failure, failed=len(failed))
    for ticket_id, reason in failed.items():
        log("ticket").error("awaiting_failed", ticket_id=str(ticket_id), exc_info=reason)
        resting[ticket_id] = now + REST
    return expired
