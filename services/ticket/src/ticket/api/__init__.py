"""gRPC ↔ handlers: reads requests, opens the one transaction, words answers."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc

from servicekit.database import Database
from servicekit.tokens import Keys
from ticket.api import service_types, tickets, verbs

Clock = Callable[[], datetime]


def servicers(
    database: Database, keys: Keys, clock: Clock = lambda: datetime.now(UTC)
) -> list[Callable[[grpc.Server], Any]]:
    return [
        tickets.add_to(tickets.TicketApi(database, keys, clock)),
        verbs.add_to(verbs.VerbApi(database, clock)),
        service_types.add_to(service_types.ServiceTypeApi(database, keys)),
    ]
