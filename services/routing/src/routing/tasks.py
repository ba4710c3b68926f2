"""Loops ↔ handlers: routing what is due, and dropping what is over."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import psycopg
from grpc import StatusCode
from prometheus_client import Gauge
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from routing.domain.occurrences import Place
from routing.handlers.occurrences import CHANNEL
from routing.neighbours import Neighbours
from routing.storage import occurrences as storage
from routing.storage import sessions, tables
from routing.storage.occurrences import Claimed, Routed
from servicekit.database import Database, hear
from servicekit.errors import Failure
from servicekit.events import claims
from servicekit.events.inbox import AWAY, describe
from servicekit.events.trouble import Trouble
from servicekit.telemetry import current_trace_id, log, span

BATCH = 50
# Renewed while a batch is worked on; after it another worker begins anew what a dead one did not settle.
LEASE = timedelta(seconds=10)
# For trying a refused batch one by one; what is left then waits for its next turn.
ONE_BY_ONE_SECONDS = 30.0
# An occurrence that alone takes a neighbour too long comes back after this, alone.
SLOW_SECONDS = 60.0
MEASURE_SECONDS = 5.0
FORGET_SECONDS = 3600.0
# The neighbour has read it and will never take it. All else, a lost key or a defect, may be mended meanwhile.
REFUSED = (StatusCode.INVALID_ARGUMENT, StatusCode.OUT_OF_RANGE)

OCCURRENCES = Gauge("guiche_occurrences", "Occurrences by what they wait for: due, failed, waiting", ["state"])
OCCURRENCES_AGE = Gauge("guiche_occurrences_age_seconds", "Age of the oldest occurrence not yet routed")

Loop = Callable[[threading.Event], None]
Outcome = Routed | Exception
# By organization and account.
Places = Mapping[tuple[UUID, UUID], Place]


def router(database: Database, neighbours: Neighbours, lease: timedelta = LEASE) -> Loop:
    """The loop that routes occurrences. Any number may run at once."""

    def run(stop: threading.Event) -> None:
        database_away = Trouble(log("routing"), "router_database")
        neighbour_away = Trouble(log("routing"), "router_neighbour")
        while not stop.is_set():
            try:
                with database.listener(CHANNEL) as listener:
                    database_away.over()
                    measured = 0.0
                    while not stop.is_set():
                        if time.monotonic() - measured > MEASURE_SECONDS:
                            measure(database)
                            measured = time.monotonic()
                        routed, error = route_due(database, neighbours, lease)
                        if error:
                            stop.wait(neighbour_away.met(error))
                        elif routed:
                            neighbour_away.over()
                        else:
                            hear(listener, stop)
            except (psycopg.Error, SQLAlchemyError) as error:
                stop.wait(database_away.met(error))

    return run


def route_due(database: Database, neighbours: Neighbours, lease: timedelta = LEASE) -> tuple[int, Exception | None]:
    """Routes a batch: how many occurrences it held, and the failure of a neighbour that is away.

    Claimed in one transaction and settled in another; none is open while neighbours are called.
    """
    with database.transaction() as connection:
        batch = storage.claim(connection, BATCH, lease)
        if not batch:
            return 0, None
        places = storage.places(connection, {account_of(claimed) for claimed in batch})
    with claims.renewing(database, tables.OCCURRENCES, [claimed.occurrence.id for claimed in batch], lease):
        outcomes = route_all(neighbours, batch, places)
    with database.transaction() as connection:
        storage.settle(connection, [outcome for outcome in outcomes if isinstance(outcome, Routed)])
        for claimed, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                put_back(connection, claimed, outcome)
    for claimed, outcome in zip(batch, outcomes, strict=True):
        tell(claimed, outcome)
    return len(batch), None if any(not is_away(outcome) for outcome in outcomes) else away_of(outcomes)


def route_all(neighbours: Neighbours, batch: Sequence[Claimed], places: Places) -> list[Outcome]:
    """An outcome for each of the batch: together where possible, else one by one, so that a bad one stops nobody."""
    try:
        return list(route(neighbours, batch, places))
    except Exception as error:
        if len(batch) == 1 or code_of(error) is StatusCode.UNAVAILABLE:
            return [error] * len(batch)
    return route_one_by_one(neighbours, batch, places)


def route_one_by_one(neighbours: Neighbours, batch: Sequence[Claimed], places: Places) -> list[Outcome]:
    """Stops where a neighbour has gone away or time is short; what is left then has not been tried."""
    outcomes: list[Outcome] = []
    ends = time.monotonic() + ONE_BY_ONE_SECONDS
    for claimed in batch:
        if time.monotonic() > ends:
            break
        [outcome] = route_all(neighbours, [claimed], places)
        outcomes.append(outcome)
        if isinstance(outcome, Exception) and code_of(outcome) is StatusCode.UNAVAILABLE:
            break
    return outcomes + [claims.NotTried("The batch was given up before this one's turn.")] * (len(batch) - len(outcomes))


def route(neighbours: Neighbours, batch: Sequence[Claimed], places: Places) -> list[Routed]:
    """Who wrote each, and its ticket: the live one of its conversation, else, where a rule leads, a new one."""
    with traced(batch):
        occurrences = [claimed.occurrence for claimed in batch]
        publishers = neighbours.identify(occurrences)
        tickets = neighbours.append_messages(list(zip(occurrences, publishers, strict=True)))
        openings = {
            position: (claimed.occurrence, places[account_of(claimed)], publisher)
            for position, (claimed, publisher, ticket) in enumerate(zip(batch, publishers, tickets, strict=True))
            if ticket is None and account_of(claimed) in places
        }
        if openings:
            opened = neighbours.open_tickets(list(openings.values()))
            for position, ticket in zip(openings, opened, strict=True):
                tickets[position] = ticket
        return [
            Routed(occurrence.id, publisher.id if publisher else None, *(ticket or (None, "")))
            for occurrence, publisher, ticket in zip(occurrences, publishers, tickets, strict=True)
        ]


@contextmanager
def traced(batch: Sequence[Claimed]) -> Iterator[None]:
    """One call serves many occurrences and can belong to one trace only: the first's. The others' name it."""
    first, *others = (claimed.occurrence for claimed in batch)
    with span("route_occurrences", first.traceparent, occurrences=len(batch)):
        trace_id = current_trace_id()
        for occurrence in others:
            with span("route_occurrence", occurrence.traceparent, occurrence=str(occurrence.id), batchTrace=trace_id):
                pass
        yield


def put_back(connection: Connection, claimed: Claimed, error: Exception) -> None:
    code = code_of(error)
    if code in REFUSED:
        storage.fail(connection, claimed.row, error)
    elif code is StatusCode.DEADLINE_EXCEEDED:
        storage.set_aside(connection, claimed.row, error, SLOW_SECONDS)
    else:
        storage.retry(connection, claimed.row, error)


def tell(claimed: Claimed, outcome: Outcome) -> None:
    occurrence = claimed.occurrence
    about = {"occurrence": str(occurrence.id), "traceId": occurrence.traceparent[3:35]}
    if isinstance(outcome, Routed):
        what = "occurrence_routed" if outcome.ticket_id else "occurrence_waits"
        log("routing").info(what, ticket=str(outcome.ticket_id or ""), protocol=outcome.protocol, **about)
    elif not is_away(outcome):
        log("routing").warning(
            "occurrence_not_routed", error=describe(outcome), attempt=claimed.row.attempts + 1, **about
        )


def account_of(claimed: Claimed) -> tuple[UUID, UUID]:
    return claimed.occurrence.organization_id, claimed.occurrence.account_id


def code_of(error: Exception) -> StatusCode | None:
    return error.code if isinstance(error, Failure) else None


def is_away(outcome: Outcome) -> bool:
    return isinstance(outcome, Failure) and outcome.code in AWAY


def away_of(outcomes: Sequence[Outcome]) -> Exception | None:
    """The first failure, where all of them are of neighbours that are away."""
    return next((outcome for outcome in outcomes if isinstance(outcome, Exception)), None)


def measure(database: Database) -> None:
    with database.transaction() as connection:
        figures = storage.measure(connection)
    for state, count in (("due", figures.due), ("failed", figures.failed), ("waiting", figures.waiting)):
        OCCURRENCES.labels(state).set(count)
    OCCURRENCES_AGE.set(figures.age)


def sweeper(database: Database) -> Loop:
    """The loop that drops what is over: attempts to sign in, sessions and their tokens."""

    def run(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with database.transaction() as connection:
                    sessions.forget(connection)
            except SQLAlchemyError as error:
                log("routing").warning("sweep_failed", error=describe(error))
            stop.wait(FORGET_SECONDS)

    return run
