"""The wiring of the ticket service: the only place that knows all its parts."""

from servicekit.database import Database
from servicekit.process import Service
from servicekit.tokens import load_keys
from ticket.api import TicketApi, add_to
from ticket.config import TicketSettings
from ticket.consumers import CONSUMES


def build(settings: TicketSettings) -> Service:
    keys = load_keys(settings.keys, "ticket")
    database = Database(settings.ticket_database_url)
    return Service(
        name="ticket",
        settings=settings,
        address=settings.listen or settings.ticket_address,
        keys=keys,
        database=database,
        servicers=[add_to(TicketApi(database, keys))],
        consumes=CONSUMES,
    )
