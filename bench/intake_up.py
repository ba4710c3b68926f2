"""Mails a second through all the processes of `make up`: from SMTP until each is a ticket in the queue.

Usage: .venv/bin/python bench/intake_up.py [MAILS] [CONNECTIONS]   (default 1000 over 16, mails of 10 kB with an attachment of 3 kB)
With acknowledgements, sent by SMTP to a server that discards them, and without (none is allowed within an hour); with one and with two
processes that ingest. The senders and that server are on the same machine and not counted. Limits of the same run: Python's own parser
on one core, four rows a commit on the same PostgreSQL, and the same senders at a server that only discards.
What a mail costs is with all that follows from it, and without what the processes need when nothing happens. Nobody is signed in meanwhile:
the rows of the ticket service's database are counted four times a second, and only afterwards every mail is looked for at the gateway.
"""

# ruff: noqa: T201 -- prints its figures.

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from senders import Senders, Sink, mail, read_by_the_library, send_all, sink
from system import (
    Cost,
    System,
    another,
    ask,
    committing,
    cost_of,
    crowd,
    idle,
    machine,
    running,
    show,
    show_costs,
    until,
)

LIMIT_SECONDS = 4.0
LISTED_SECONDS = 280.0
# Between two looks, each of which costs PostgreSQL a millisecond or less.
LOOK_SECONDS = 0.25


@dataclass
class Result:
    """Seconds after the first mail was sent."""

    accepted: float = 0.0
    listed: float = 0.0
    acknowledged: float = 0.0


@dataclass(frozen=True)
class Flow:
    system: System
    relay: Sink
    connections: int
    acknowledging: bool


def main(mails: int, connections: int) -> None:
    print(f"{machine()}; {mails} mails of {len(mail(0))} bytes over {connections} connections")
    results: dict[str, Result] = {}
    costs: dict[str, Cost] = {}
    limits: list[list[str]] = []
    with sink() as relay:
        for name, an_hour in (("acknowledged", 1_000_000), ("silent", 0)):
            settings: dict[str, Any] = {
                "SMTP_RELAY": relay.address,
                "ACKNOWLEDGEMENTS_AN_HOUR": an_hour,
                "ACKNOWLEDGEMENTS_A_MINUTE": 1_000_000,
            }
            with TemporaryDirectory(prefix="guiche-bench-") as folder, running(Path(folder), **settings) as system:
                limits = limits or measured_limits(system, relay, mails, connections)
                nothing = idle(system)
                costs.setdefault("idle, a second", nothing)
                for ingesting in (1, 2):
                    with ingested_by(system, ingesting) as whole:
                        flow = Flow(whole, relay, connections, bool(an_hour))
                        label = f"{name}, {ingesting} ingest"
                        results[label], costs[label] = measured(flow, ingesting * 1_000_000, mails, nothing)
    show_rates(results, limits, mails)
    show_costs(costs, "a mail")


def measured(flow: Flow, first: int, mails: int, nothing: Cost) -> tuple[Result, Cost]:
    """After a tenth as many mails, by which every process has begun what it begins at its first one."""
    warming = max(10, mails // 10)
    pass_through(flow, range(first, first + warming), Result())
    result = Result()
    numbers = range(first + warming, first + warming + mails)
    cost = cost_of(flow.system, mails, nothing, partial(pass_through, flow, numbers, result))
    missing = {f"Pedido {number}" for number in numbers} - subjects(flow.system, mails)
    assert not missing, f"not in the queue: {sorted(missing)[:5]}"
    return result, cost


@contextmanager
def ingested_by(system: System, processes: int) -> Iterator[System]:
    if processes == 1:
        yield system
    else:
        with another(system, "mail", "ingest") as pid:
            yield replace(system, processes=system.processes | {"mail-ingest, second": pid})


def pass_through(flow: Flow, numbers: range, result: Result) -> None:
    """Returns when all mails are in the queue, and the acknowledgement of each has left where there is one."""
    relay, sent = flow.relay, flow.relay.received
    # One transaction for all looks, since its commits would be counted as the service's; each sees what is committed by then.
    with psycopg.connect(flow.system.database("ticket")) as looking:
        wanted = tickets(looking) + len(numbers)
        senders = Senders(numbers, flow.connections)
        began = time.monotonic()
        senders.send(flow.system.smtp_port)
        result.accepted = time.monotonic() - began
        senders.wait()
        until(lambda: tickets(looking) >= wanted, LISTED_SECONDS, pause=LOOK_SECONDS)
        result.listed = time.monotonic() - began
    if flow.acknowledging:
        until(lambda: relay.received >= sent + len(numbers), LISTED_SECONDS)
        result.acknowledged = time.monotonic() - began


def tickets(connection: psycopg.Connection) -> int:
    [number] = connection.execute("SELECT count(*) FROM tickets").fetchone() or [0]
    return int(number)


def subjects(system: System, newest: int) -> set[str]:
    """Of tickets as a supervisor of everything sees them."""
    token, found, page_token = system.token("carla"), set(), ""
    while True:
        page = ask(system.port, f"/tickets?pageSize=100&pageToken={page_token}", token)
        found |= {row["subject"] for row in page["tickets"]}
        page_token = page["nextPageToken"]
        if not page_token or len(found) >= newest + 200:
            return found


def measured_limits(system: System, relay: Sink, mails: int, connections: int) -> list[list[str]]:
    began, parsed = time.monotonic(), 0
    while time.monotonic() - began < LIMIT_SECONDS:
        read_by_the_library(parsed)
        parsed += 1
    parse_rate = parsed / (time.monotonic() - began)
    client = partial(committing, system.database("ticket"), 4)
    commit_rates = [crowd([client] * count, LIMIT_SECONDS).rate for count in (1, 2)]
    began = time.monotonic()
    send_all(relay.port, range(mails), connections)
    sink_rate = mails / (time.monotonic() - began)
    return [
        ["limit: Python's own parser, one core", f"{parse_rate:.0f}"],
        ["limit: four rows a commit, one connection", f"{commit_rates[0]:.0f}"],
        ["limit: four rows a commit, two connections", f"{commit_rates[1]:.0f}"],
        ["limit: SMTP into nothing", f"{sink_rate:.0f}"],
    ]


def show_rates(results: dict[str, Result], limits: list[list[str]], mails: int) -> None:
    rows = [
        [
            name,
            *(f"{mails / at:.0f}" if at else "" for at in (result.accepted, result.listed, result.acknowledged)),
        ]
        for name, result in results.items()
    ]
    show(["mails a second, until they are", "accepted", "listed", "acknowledged"], rows)
    show(["", "a second"], limits)


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:3]]
    main(*(asked + [1000, 16][len(asked) :]))
