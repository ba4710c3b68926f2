"""The wiring of the publisher service: the only place that knows all its parts."""

from collections.abc import Iterator

from google.protobuf.message import Message
from sqlalchemy import Connection

from publisher import api, storage
from publisher.config import PublisherSettings
from publisher.events import change_of
from servicekit.database import Database
from servicekit.process import Service
from servicekit.tokens import load_keys


def build(settings: PublisherSettings) -> Service:
    database = Database(settings.publisher_database_url)
    return Service(
        name="publisher",
        settings=settings,
        address=settings.listen or settings.publisher_address,
        keys=load_keys(settings.keys, "publisher"),
        database=database,
        servicers=[api.servicer(database)],
        consumes={},
        republish=republish,
    )


def republish(connection: Connection) -> Iterator[tuple[str, Message]]:
    return map(change_of, storage.every(connection))
