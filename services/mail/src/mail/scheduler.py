"""Once a second: measures what waits, and hints where hints were lost."""

import threading
from datetime import UTC, datetime
from math import ceil

from sqlalchemy.exc import SQLAlchemyError

from mail.handlers.ingest import BATCH
from mail.metrics import QUARANTINED, WAITING, WAITING_AGE
from mail.storage import raw_mails
from mail.storage.raw_mails import Queue
from mail.tasks import make_app, send_hint
from servicekit.database import Database
from servicekit.events.trouble import Trouble
from servicekit.process import Loop
from servicekit.telemetry import log

SECONDS = 1.0
# Workers that a backlog calls within a second.
MOST_HINTS = 10


def scheduler(rabbitmq_url: str, database: Database) -> Loop:
    """Any number may run."""

    def run(stop: threading.Event) -> None:
        app = make_app(rabbitmq_url)
        away, broker = Trouble(log("mail"), "scheduler_database"), Trouble(log("mail"), "broker")
        while not stop.is_set():
            try:
                with database.transaction() as connection:
                    queue = raw_mails.measure(connection)
            except SQLAlchemyError as error:
                stop.wait(away.met(error))
                continue
            away.over()
            show(queue)
            for _ in range(min(MOST_HINTS, ceil(queue.due / BATCH))):
                if not send_hint(app, broker):
                    break
            stop.wait(SECONDS)

    return run


def show(queue: Queue) -> None:
    WAITING.set(queue.waiting)
    WAITING_AGE.set((datetime.now(UTC) - queue.oldest).total_seconds() if queue.oldest else 0)
    QUARANTINED.set(queue.quarantined)
