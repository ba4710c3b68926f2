"""Of what leaves: hints as soon as something is queued, and once a second measures, recovers and hints again."""

import threading
import time
from datetime import UTC, datetime

import psycopg
from celery import Celery
from sqlalchemy.exc import SQLAlchemyError

from mail.handlers.deliveries import CHANNEL, recover
from mail.metrics import OUTGOING, OUTGOING_AGE
from mail.storage import acknowledged, deliveries, uploads
from mail.storage.deliveries import Queue
from mail.tasks import SEND_QUEUE, make_app, send_hint
from servicekit.database import Database, hear
from servicekit.events.trouble import Trouble
from servicekit.process import Loop
from servicekit.telemetry import log

SECONDS = 1.0
# Workers that a backlog calls at once.
MOST_HINTS = 10
HOUSEKEEPING_SECONDS = 60.0


def outgoing_scheduler(rabbitmq_url: str, database: Database) -> Loop:
    """Any number may run."""

    def run(stop: threading.Event) -> None:
        app = make_app(rabbitmq_url, SEND_QUEUE)
        away, broker = Trouble(log("mail"), "outgoing_database"), Trouble(log("mail"), "send_broker")
        kept_house = 0.0
        while not stop.is_set():
            try:
                with database.listener(CHANNEL) as listener:
                    away.over()
                    while not stop.is_set():
                        look(database, app, broker)
                        if time.monotonic() - kept_house > HOUSEKEEPING_SECONDS or not kept_house:
                            keep_house(database)
                            kept_house = time.monotonic()
                        hear(listener, stop, SECONDS)
            except (psycopg.Error, SQLAlchemyError) as error:
                stop.wait(away.met(error))

    return run


def look(database: Database, app: Celery, broker: Trouble) -> None:
    recover(database)
    with database.transaction() as connection:
        queue = deliveries.measure(connection)
    show(queue)
    for _ in range(min(MOST_HINTS, queue.due)):
        if not send_hint(app, broker):
            break


def show(queue: Queue) -> None:
    OUTGOING.set(queue.waiting)
    OUTGOING_AGE.set((datetime.now(UTC) - queue.oldest).total_seconds() if queue.oldest else 0)


def keep_house(database: Database) -> None:
    with database.transaction() as connection:
        uploads.forget(connection)
        acknowledged.forget(connection)
