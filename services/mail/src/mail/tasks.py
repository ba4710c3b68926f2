"""Celery ↔ handlers. A task is only a hint that there is work: what is to be done stands in the database."""

import threading
import time
from functools import partial

from celery import Celery
from sqlalchemy.exc import SQLAlchemyError

from mail.config import MailSettings
from mail.files import Files
from mail.handlers.ingest import Ingest, ingest_due
from mail.handlers.sending import Sender, send_due
from mail.outgoing.relay import connect
from servicekit.database import Database
from servicekit.events.trouble import Trouble
from servicekit.process import Loop
from servicekit.tasks import add_task, celery_worker, hint, make_celery
from servicekit.telemetry import log

QUEUE = "mail.ingest"
SEND_QUEUE = "mail.send"
# More hints than this say nothing new; the oldest ones make room.
MOST_HINTS = 1_000
# A receiver gives at most fifty hints a second, however many mails arrive: one that finds more work goes on with it.
HINT_PAUSE_SECONDS = 0.02
# After so long a task ends, also where more is waiting, which is for the next hint: RabbitMQ cuts off who leaves a
# message unacknowledged for half an hour.
TASK_SECONDS = 60.0

LOG = log("mail")


def make_app(url: str, queue: str = QUEUE) -> Celery:
    """url: of RabbitMQ; empty: within this process alone. queue: the one it sends hints to, or works on."""
    return make_celery("mail", url, queue, {"x-max-length": MOST_HINTS, "x-overflow": "drop-head"})


class Hints:
    """Tells the workers that mail is waiting. Never waits, never fails: without a hint the scheduler's comes."""

    def __init__(self, app: Celery) -> None:
        self.app = app
        self.wanted = threading.Event()
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self.run, name="hints", daemon=True)
        self.thread.start()

    def __call__(self) -> None:
        self.wanted.set()

    def run(self) -> None:
        broker = Trouble(LOG, "broker")
        while not self.closed.wait(HINT_PAUSE_SECONDS):
            self.wanted.wait()
            self.wanted.clear()
            if not self.closed.is_set():
                send_hint(self.app, broker)

    def close(self) -> None:
        self.closed.set()
        self.wanted.set()
        self.thread.join(5)


def send_hint(app: Celery, broker: Trouble) -> bool:
    """False where the hint was lost; `broker` tells of that once."""
    try:
        hint(app, app.conf.task_default_queue)
    except Exception as error:
        broker.met(error)
        return False
    broker.over()
    return True


def ingest_worker(settings: MailSettings, database: Database, files: Files, secret: bytes) -> Loop:
    """The loop of an ingest process: one Celery worker, whose tasks share the children that parse."""

    def run(stop: threading.Event) -> None:
        app = make_app(settings.rabbitmq_url)
        with Ingest(database, files, settings.ingest_parsers, secret) as ingest:
            add_task(app, QUEUE, partial(work, ingest, stop))
            celery_worker(app, settings.ingest_tasks)(stop)

    return run


def work(ingest: Ingest, stop: threading.Event) -> None:
    until = time.monotonic() + TASK_SECONDS
    try:
        ingest_due(ingest, lambda: stop.is_set() or time.monotonic() > until)
    except SQLAlchemyError as error:
        # The scheduler's next hint tries again; what was claimed comes back when its lease ends.
        LOG.error("ingest_interrupted", error=str(error)[:500])


def send_worker(settings: MailSettings, database: Database, files: Files) -> Loop:
    """The loop of a send process: one Celery worker, each of whose tasks has a connection to the relay of its own."""

    def run(stop: threading.Event) -> None:
        if not settings.smtp_relay and settings.mail_outbox is None:
            raise ValueError("mails have nowhere to go: set smtp_relay or mail_outbox")
        app = make_app(settings.rabbitmq_url, SEND_QUEUE)
        sender = Sender(database, files, partial(connect, settings))
        add_task(app, SEND_QUEUE, partial(work_send, sender, stop))
        celery_worker(app, settings.send_tasks)(stop)

    return run


def work_send(sender: Sender, stop: threading.Event) -> None:
    until = time.monotonic() + TASK_SECONDS
    try:
        send_due(sender, lambda: stop.is_set() or time.monotonic() > until)
    except SQLAlchemyError as error:
        # Settled by nobody: when its lease ends a reply is UNKNOWN, an acknowledgement sent again.
        LOG.error("sending_interrupted", error=str(error)[:500])
