"""What was awaited and did not come in time."""

from datetime import datetime

from sqlalchemy import Connection

from ticket.domain import verbs
from ticket.domain.verbs import Verb
from ticket.handlers.recording import SYSTEM, Step, record
from ticket.storage import tickets


def expire(connection: Connection, now: datetime, limit: int) -> int:
    """Brings back up to `limit` tickets whose awaiting has run out; how many."""
    steps = []
    for row in tickets.lock_expired(connection, now, limit):
        old = tickets.facts_of(row)
        new = verbs.happen(Verb.EXPIRE, old)
        assert new is not None, "only what is pending is found"
        steps.append(Step(row, Verb.EXPIRE, old, new, SYSTEM))
    if steps:
        record(connection, steps, now)
    return len(steps)
