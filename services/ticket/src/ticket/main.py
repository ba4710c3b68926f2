"""The wiring of the ticket service: the only place that knows all its parts."""

from collections.abc import Iterator

from google.protobuf.message import Message
from sqlalchemy import Connection

from servicekit.database import Database
from servicekit.process import Service
from servicekit.tokens import load_keys
from ticket import api, events, tasks
from ticket.config import TicketSettings
from ticket.consumers import CONSUMES
from ticket.storage import tickets


def build(settings: TicketSettings) -> Service:
    keys = load_keys(settings.keys, "ticket")
    database = Database(settings.ticket_database_url)
    return Service(
        name="ticket",
        settings=settings,
        address=settings.listen or settings.ticket_address,
        keys=keys,
        database=database,
        servicers=api.servicers(database, keys),
        consumes=CONSUMES,
        republish=republish,
        loops={"worker": [tasks.awaiting_loop(database)]},
    )


def republish(connection: Connection) -> Iterator[tuple[str, Message]]:
    return ((str(row.id), events.restated(row)) for row in tickets.every(connection))
