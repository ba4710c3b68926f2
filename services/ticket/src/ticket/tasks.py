"""Loops ↔ handlers: what comes by time."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from servicekit.database import Database
from servicekit.events.trouble import Trouble
from servicekit.process import Loop
from servicekit.telemetry import log
from ticket.handlers import awaiting

BATCH = 100
SECONDS = 1.0


def awaiting_loop(database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Loop:
    """Brings back what has waited long enough, within about a second. Any number may run at once."""

    def run(stop: threading.Event) -> None:
        away = Trouble(log("ticket"), "awaiting_database")
        while not stop.is_set():
            try:
                with database.transaction() as connection:
                    expired = awaiting.expire(connection, clock(), BATCH)
            except SQLAlchemyError as error:
                stop.wait(away.met(error))
                continue
            away.over()
            if expired:
                log("ticket").info("awaiting_expired", tickets=expired)
            if expired < BATCH:
                stop.wait(SECONDS)

    return run
