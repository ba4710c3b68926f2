"""Occurrences, on their way to a ticket."""

from uuid import UUID

from sqlalchemy import Connection

from routing.domain.occurrences import Occurrence, State, state_of
from routing.storage import occurrences as storage
from servicekit.database import poke
from servicekit.telemetry import log

LOG = log("routing")
CHANNEL = "guiche_occurrences"


def receive(connection: Connection, occurrence: Occurrence, automatic: str) -> None:
    """Takes an occurrence in, once. automatic: why nobody wrote it by hand; empty: a person did."""
    state, reason = state_of(automatic)
    if not storage.add(connection, occurrence, state, reason):
        return
    if state is State.NEW:
        poke(connection, CHANNEL)
    else:
        LOG.info("occurrence_dismissed", occurrence=str(occurrence.id), reason=str(reason))


def redrive(connection: Connection, ids: set[UUID] | None = None, waiting: bool = False) -> int:
    count = storage.redrive(connection, ids, waiting)
    poke(connection, CHANNEL)
    return count
