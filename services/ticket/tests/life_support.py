"""What random lives of tickets are made of, and what they are judged by."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Row
from ticket_support import NOW, Company

from ticket.domain.facts import Status
from ticket.domain.verbs import Wait

PEOPLE = ("ana", "bruno", "davi", "fabio", "gil", "hugo", "carla", "elisa", "vera", "stranger")
# Who gets most of the work, so that lives are eventful.
BUSY = ("ana", "fabio", "gil", "carla")
REFUSALS = {
    "TRANSITION_NOT_ALLOWED",
    "TICKET_NOT_FOUND",
    "TICKET_ALREADY_STARTED",
    "SERVICE_TYPE_DATA_MISSING",
    "SEEN_UP_TO_STALE",
    "MESSAGE_ALREADY_RELEASED",
    "INVALID_REQUEST",
    "AWAIT_UNTIL_INVALID",
}
SENT_AS = (Status.OPEN, Status.PENDING, Status.RESOLVED, Status.CLOSED)
some = st.integers(0, 10_000)
waits = st.none() | st.builds(Wait, st.booleans(), st.none() | st.just(NOW + timedelta(hours=1)))
Deed = tuple[str, int, Status, Wait | None, str]
FILLS = st.sampled_from(["", "true", "false", "wrong", "nothing"])
DEEDS: st.SearchStrategy[Deed] = st.tuples(st.sampled_from(BUSY), some, st.sampled_from(SENT_AS), waits, FILLS)


def may_see(name: str, company: Company, row: Row[Any]) -> bool:
    """Q3 in the words of the product."""
    levels = {
        "ana": {company.n1},
        "bruno": {company.n1},
        "davi": {company.money},
        "fabio": {company.n1, company.n2, company.money},
        "hugo": {company.n1},
    }
    if name == "carla":
        return row.level_id in (company.n1, company.n2)
    if name in ("vera", "gil"):
        return True
    mine = row.holder_id is None or row.released or str(row.holder_id) == getattr(company, name).id
    return row.level_id in levels.get(name, set()) and mine
