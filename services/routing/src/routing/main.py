"""The wiring of the routing service: the only place that knows all its parts."""

from routing import api, tasks
from routing.config import RoutingSettings
from routing.consumers import CONSUMES
from routing.handlers import directory
from routing.handlers.passwords import Passwords
from routing.neighbours import Neighbours
from servicekit.database import Database
from servicekit.process import Service
from servicekit.rpc.client import Peer
from servicekit.tokens import load_keys


def build(settings: RoutingSettings) -> Service:
    keys = load_keys(settings.keys, "routing")
    database = Database(settings.routing_database_url)
    passwords = Passwords(settings.password_memory_kib, settings.password_passes)
    neighbours = Neighbours(
        Peer(keys, "publisher", settings.publisher_address), Peer(keys, "ticket", settings.ticket_address)
    )
    return Service(
        name="routing",
        settings=settings,
        address=settings.listen or settings.routing_address,
        keys=keys,
        database=database,
        servicers=api.servicers(database, keys, passwords, settings),
        consumes=CONSUMES,
        republish=directory.republish,
        loops={"worker": [tasks.router(database, neighbours), tasks.sweeper(database)]},
        closing=[neighbours.close],
    )
