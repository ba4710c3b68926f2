"""The wiring of the mail service: the only place that knows all its parts."""

import threading

from mail import signing
from mail.api import servicer
from mail.config import MailSettings
from mail.consumers import consumes
from mail.files import Files
from mail.handlers.acknowledge import Most
from mail.outgoing_scheduler import outgoing_scheduler
from mail.receiver.intake import Intake
from mail.receiver.server import receiver
from mail.scheduler import scheduler
from mail.tasks import Hints, ingest_worker, make_app, send_worker
from servicekit.database import Database
from servicekit.process import Loop, Service
from servicekit.tokens import load_keys


def build(settings: MailSettings) -> Service:
    keys = load_keys(settings.keys, "mail")
    database = Database(settings.mail_database_url)
    files = Files(settings.mail_files_url)
    return Service(
        name="mail",
        settings=settings,
        address=settings.listen or settings.mail_address,
        keys=keys,
        database=database,
        servicers=[servicer(settings, database, files, keys)],
        consumes=consumes(
            signing.secret_of(keys), Most(settings.acknowledgements_an_hour, settings.acknowledgements_a_minute)
        ),
        loops={
            "receiver": [hinting_receiver(settings, database, files)],
            "ingest": [ingest_worker(settings, database, files, signing.secret_of(keys))],
            "send": [send_worker(settings, database, files)],
            "scheduler": [
                scheduler(settings.rabbitmq_url, database),
                outgoing_scheduler(settings.rabbitmq_url, database),
            ],
        },
    )


def hinting_receiver(settings: MailSettings, database: Database, files: Files) -> Loop:
    """Its threads and its connection to the broker are made when it runs, since other processes need neither."""

    def run(stop: threading.Event) -> None:
        hints = Hints(make_app(settings.rabbitmq_url))
        try:
            receiver(settings, Intake(database, files, settings.smtp_max_recipients, hints))(stop)
        finally:
            hints.close()

    return run
