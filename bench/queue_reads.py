"""What a page of the queue and the counts cost at the gateway, with few and with many tickets, for one client and for eight.

Usage: .venv/bin/python bench/queue_reads.py [TICKETS…]   (default 1000 100000 1000000; loaded by load_tickets.py, 200 levels, 40 departments)
The system runs as `make up` runs it. Each client is a process with one connection that asks again as soon as it is answered.
Limit of the same run: the same queries with nothing around them, by as many processes on connections of their own.
Only full pages, of 50 rows, compare with each other: with few tickets who sees few levels has a page of fewer.
CPU-ms are those of one request in the gateway, in the ticket service and in PostgreSQL; reads commit nothing.
"""

# ruff: noqa: T201 -- prints its figures.

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from load_tickets import House, furnish, load
from processes import cpu
from sqlalchemy import create_engine
from system import System, crowd, http_client, machine, running

from servicekit.database import Database
from ticket.domain.facts import LIVE, Status
from ticket.storage import directory, queue

SECONDS = 4.0
EIGHT = 8
# Attendants of the demo, by how many levels of the loaded ones they are members of; None: supervisor of everything.
VIEWERS: tuple[tuple[str, int | None], ...] = (("ana", 1), ("bruno", 5), ("fabio", 50), ("carla", None))
NEVER_REPLACED = 10**9


def main(sizes: list[int]) -> None:
    print(f"{machine()}, page of 50, {SECONDS:g} s each")
    with TemporaryDirectory(prefix="guiche-bench-") as folder, running(Path(folder)) as system:
        database = Database(system.settings["GUICHE_TICKET_DATABASE_URL"])
        with database.transaction() as connection:
            house = furnish(connection, UUID(system.call("/me", "admin")["organizations"][0]["id"]))
        give_views(database, system, house)
        loaded = 0
        for size in sorted(sizes):
            load(database, house, loaded + 1, size)
            loaded = size
            measure(system, database, size)
        database.close()


def give_views(database: Database, system: System, house: House) -> None:
    """In the ticket service's own list of attendants, newer than all that routing will tell."""
    for username, count in VIEWERS:
        attendant = UUID(system.call("/me", username)["attendant"]["id"])
        roles = [{"role": "SUPERVISOR", "department_id": ""}] if count is None else []
        row = {"id": attendant, "version": NEVER_REPLACED, "organization_id": house.organization, "name": username}
        levels = [level for level, _ in house.levels[: count or 0]]
        with database.transaction() as connection:
            directory.keep_newest(
                connection, directory.ATTENDANTS, {**row, "active": True, "level_ids": levels, "roles": roles}
            )


def measure(system: System, database: Database, tickets: int) -> None:
    print(
        f"\n{f'{tickets:,} tickets':<42}{'1 client, ms':>22}{'8 clients':>12}{'CPU-ms each':>30}{'limit':>16}{'':>10}"
    )
    print(
        f"{'who sees':<26}{'':10}{'rows':>6}{'median':>12}{'95 %':>10}{'a second':>12}{'gateway, ticket, PostgreSQL':>30}{'ms':>16}{'a second':>10}"
    )
    for username, count in VIEWERS:
        me = system.call("/me", username)
        who = (UUID(me["organizations"][0]["id"]), UUID(me["attendant"]["id"]))
        token, url = system.token(username), database.engine.url.render_as_string(hide_password=False)
        rows = len(system.call("/tickets?pageSize=50", username)["tickets"])
        name = "a supervisor of everything" if count is None else f"{count} level{'s' * (count > 1)}"
        for what, path in (("page", "/tickets?pageSize=50"), ("counts", "/tickets:counts")):
            client, limit = partial(http_client, system.port, path, token), partial(bare_client, url, what, who)
            alone = crowd([client], SECONDS)
            before = spent(system)
            many = crowd([client] * EIGHT, SECONDS)
            used = [1000 * (now - then) / len(many.times) for then, now in zip(before, spent(system), strict=True)]
            costs = ", ".join(f"{each:.2f}" for each in used)
            bare, bare_many = (crowd([limit] * clients, SECONDS) for clients in (1, EIGHT))
            print(
                f"{name if what == 'page' else '':<28}{what:<8}{rows if what == 'page' else '':>6}{alone.median:>12.2f}{alone.high:>10.2f}"
                f"{many.rate:>12.0f}{costs:>30}{bare.median:>16.2f}{bare_many.rate:>10.0f}",
                flush=True,
            )


@contextmanager
def bare_client(url: str, what: str, who: tuple[UUID, UUID]) -> Iterator[Callable[[], object]]:
    everything = queue.Filter(tuple(status for status in Status if status in LIVE))
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        viewer = directory.viewer(connection, *who)
        assert viewer is not None
        if what == "page":
            yield lambda: queue.page(connection, viewer, everything, queue.START, 51)
        else:
            yield lambda: queue.counts(connection, viewer)


def spent(system: System) -> list[float]:
    """Seconds that the gateway, the ticket service and PostgreSQL have used."""
    return [cpu(system.processes[name]) for name in ("gateway", "ticket-api", "postgres")]


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1_000, 100_000, 1_000_000])
