"""Occurrences, on their way to a ticket."""

from uuid import UUID

from sqlalchemy import Connection

from routing.domain.occurrences import Occurrence, State, state_of
from routing.storage import occurrences as storage
from servicekit.database import poke

CHANNEL = "guiche_occurrences"


def receive(connection: Connection, occurrence: Occurrence, automatic: str) -> None:
    """Takes an occurrence in, once. automatic: why nobody wrote it by hand; empty: a person did."""
    state, reason = state_of(automatic)
    if storage.add(connection, occurrence, state, reason) and state is State.NEW:
        poke(connection, CHANNEL)


def redrive(connection: Connection, ids: set[UUID] | None = None, waiting: bool = False) -> int:
    count = storage.redrive(connection, ids, waiting)
    poke(connection, CHANNEL)
    return count
