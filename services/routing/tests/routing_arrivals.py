"""Occurrences to route, and what became of them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import grpc
from guiche.ticket.v1.ticket_service_pb2 import OpenTicketsRequest
from routing_support import ACCOUNT, House
from sqlalchemy import func, select

from routing import tasks
from routing.domain.occurrences import Occurrence
from routing.handlers import occurrences
from routing.neighbours import Neighbours
from routing.storage.tables import OCCURRENCES
from servicekit.database import Database
from servicekit.errors import Failure


class Full(Failure):
    code = grpc.StatusCode.INTERNAL


def arrive(
    database: Database,
    house: House,
    count: int = 1,
    conversation: UUID | None = None,
    account: UUID = ACCOUNT,
    **fields: Any,
) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    with database.transaction() as connection:
        for number, occurrence_id in enumerate(ids):
            given = {
                "platform": "EMAIL",
                "sender_name": "Maria",
                "sender_address": f"maria{number}@exemplo.com",
                "subject": f"Assunto {number}",
                "snippet": "Bom dia",
                "occurred_at": datetime(2026, 3, 4, tzinfo=UTC),
                "traceparent": "",
            }
            where = (occurrence_id, house.organization, account, conversation or uuid4())
            occurrences.receive(connection, Occurrence(*where, **{**given, **fields}), automatic="")
    return ids


def rows(database: Database) -> dict[UUID, Any]:
    with database.transaction() as connection:
        return {row.id: row for row in connection.execute(select(OCCURRENCES).order_by(OCCURRENCES.c.position))}


def states(database: Database) -> list[str]:
    return [row.state for row in rows(database).values()]


def make_due(database: Database) -> None:
    """As if every back-off and lease had passed."""
    with database.transaction() as connection:
        connection.execute(OCCURRENCES.update().values(next_at=func.clock_timestamp()))


def route_all(database: Database, neighbours: Neighbours) -> None:
    while tasks.route_due(database, neighbours)[0]:
        pass


def refusing(failure: Failure, subjects: Sequence[str]) -> Callable[[OpenTicketsRequest], None]:
    def refuse(request: OpenTicketsRequest) -> None:
        if any(opening.subject in subjects for opening in request.openings):
            raise failure

    return refuse
