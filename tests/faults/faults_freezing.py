"""Processes that stand still with work in hand, while others take it over, and then go on as if nothing had been."""

import random
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple
from uuid import UUID

from faults_house import House, signalled, state_of

from servicekit.testing import eventually

# Longer than every lease (10 s) and than the heartbeat of the broker's connections allows (2 × 20 s).
PAST_LEASES = 14.0
PAST_HEARTBEATS = 50.0
# Longer than the database bears with a transaction that stands still (60 s), and with its locks.
PAST_TRANSACTIONS = 120.0
# What others do meanwhile is more than what was on its way.
FEWEST_MAILS = 10


class Work(NamedTuple):
    """Where a process claims its work row by row. claimed: rows that are somebody's, for some seconds at least."""

    owner: str
    table: str
    claimed: str


LEASED = "next_at > now() + interval '3 seconds' AND done_at IS NULL AND failed_at IS NULL"
# What was put back after a failure has an error. The last of the way is stopped first, as long as there comes something.
WORK = {
    "mail-send": Work("mail", "deliveries", f"sending AND {LEASED}"),
    "routing-worker": Work("routing", "occurrences", f"attempts > 0 AND last_error = '' AND {LEASED}"),
    "mail-ingest": Work("mail", "raw_mails", f"attempts > 0 AND last_error = '' AND {LEASED}"),
}
# Those that can be frozen, with what takes their work over.
WORKERS = {
    "mail-ingest": ("mail", "ingest"),
    "mail-send": ("mail", "send"),
    "mail-worker": ("mail", "worker"),
    "mail-scheduler": ("mail", "scheduler"),
    "routing-worker": ("routing", "worker"),
    "ticket-worker": ("ticket", "worker"),
}


class Claim(NamedTuple):
    id: UUID
    attempts: int


def wait(seconds: float) -> None:
    """The time is what is tried: it cannot be waited for by a condition."""
    threading.Event().wait(seconds)


def freeze_past_the_leases(house: House, seconds: float = PAST_LEASES) -> None:
    with frozen(house, tuple(WORKERS)):
        before = ingested(house)
        wait(seconds)
        eventually(lambda: ingested(house) >= before + FEWEST_MAILS, PAST_TRANSACTIONS)


def ingested(house: House) -> int:
    ((count,),) = house.query("mail", "SELECT count(*) FROM raw_mails WHERE state = 'INGESTED'")
    return int(count)


@contextmanager
def frozen(house: House, names: Sequence[str]) -> Iterator[None]:
    """In the midst of their work, which others have taken over before they go on."""
    at_work = [name for name in WORK if name in names]
    with ExitStack() as others:
        with ExitStack() as standing:
            held = {name: standing.enter_context(stopped_at_work(house, name)) for name in at_work}
            standing.enter_context(stopped(house, [name for name in names if name not in held]))
            for name in names:
                others.enter_context(house.another(*WORKERS[name]))
            yield
            for name, claim in held.items():
                eventually(partial(taken_over, house, WORK[name], claim), PAST_TRANSACTIONS)
        # Beside those that have taken their work over.
        wait(1)


@contextmanager
def stopped_at_work(house: House, name: str) -> Iterator[Claim]:
    """Stopped as often as it takes to find it with work in hand. It must be the only one of its kind."""

    def found() -> tuple[ExitStack, Claim] | None:
        with ExitStack() as standing:
            standing.enter_context(stopped(house, [name]))
            claim = claimed(house, WORK[name])
            return (standing.pop_all(), claim) if claim else None

    standing, claim = eventually(found, seconds=120)
    with standing:
        yield claim


def claimed(house: House, work: Work) -> Claim | None:
    statement = f"SELECT id, attempts FROM {work.table} WHERE {work.claimed} ORDER BY next_at DESC LIMIT 1"
    for claim in house.query(work.owner, statement):
        # The commit that ends it may have been on its way.
        wait(0.3)
        return None if taken_over(house, work, Claim(*claim)) else Claim(*claim)
    # Somewhere else in what it does the next time.
    wait(random.uniform(0, 0.1))
    return None


def taken_over(house: House, work: Work, claim: Claim) -> bool:
    """Claimed again or settled."""
    statement = f"SELECT attempts, done_at IS NOT NULL OR failed_at IS NOT NULL FROM {work.table} WHERE id = %s"
    ((attempts, settled),) = house.query(work.owner, statement, claim.id)
    return bool(settled or attempts > claim.attempts)


@contextmanager
def stopped(house: House, names: Sequence[str]) -> Iterator[None]:
    standing: list[int] = []
    try:
        for name in names:
            standing += house.kill(name, signal.SIGSTOP)
        eventually(lambda: all(state_of(pid) == "T" for pid in standing), seconds=30)
        yield
        assert all(state_of(pid) == "T" for pid in standing), "they stood still all the time"
    finally:
        for pid in standing:
            signalled(pid, signal.SIGCONT)
