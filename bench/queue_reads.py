"""What a page of the queue and the counts cost at the gateway, with few and with many tickets, for one client and for eight.

Usage: python bench/queue_reads.py [TICKETS…]   (default 1000 100000 1000000; loaded by load_tickets.py, 200 levels, 40 departments)
The system runs as `make up` runs it. Each client is a process with one connection that asks again as soon as it is answered.
Limit of the same run: the same queries with nothing around them, by as many processes on connections of their own.
CPU-ms are those of one request in the gateway, in the ticket service and in PostgreSQL; reads commit nothing.
"""

# ruff: noqa: T201 -- prints its figures.

import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from load_tickets import House, furnish, load
from sqlalchemy import create_engine

from all_in_one.demo.company import PASSWORD
from all_in_one.environment import free_ports, free_range
from all_in_one.up import PROCESSES
from servicekit.database import Database
from ticket.domain.facts import LIVE, Status
from ticket.storage import directory, queue

SECONDS = 4.0
EIGHT = 8
# Of what this process has loaded a client that is forked has everything at once.
CONTEXT = get_context("fork")
Client = Callable[[], AbstractContextManager[Callable[[], object]]]
# Attendants of the demo, by how many levels of the loaded ones they are members of; None: supervisor of everything.
VIEWERS: tuple[tuple[str, int | None], ...] = (("ana", 1), ("bruno", 5), ("fabio", 50), ("carla", None))
NEVER_REPLACED = 10**9
STARTED_SECONDS = 600


def main(sizes: list[int]) -> None:
    processor = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    print(f"{processor.partition(':')[2].strip()}, {os.cpu_count()} cores, page of 50, {SECONDS:g} s each")
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


@dataclass(frozen=True)
class System:
    port: int
    settings: dict[str, str]
    processes: dict[str, list[int]]  # pids by what they are

    def call(self, path: str, username: str) -> Any:
        return ask(self.port, path, self.token(username))

    def token(self, username: str) -> str:
        return str(ask(self.port, "/auth:login", "", {"username": username, "password": PASSWORD})["accessToken"])


def ask(port: int, path: str, token: str, body: dict[str, str] | None = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request("POST" if body else "GET", f"/api/v1{path}", json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, content
    return content


@contextmanager
def running(data: Path) -> Iterator[System]:
    """All processes, with a PostgreSQL and a RabbitMQ of their own."""
    port, smtp_port = free_ports(2)
    own = {"GUICHE_DATA": data, "GUICHE_PORT": port, "GUICHE_SMTP_PORT": smtp_port}
    own |= {"GUICHE_FIRST_WATCH_PORT": free_range(len(PROCESSES))}
    # Eight clients here are one attendant at one address; what the gateway allows those is not what is measured.
    own |= {f"GUICHE_{whose}_{what}": 1_000_000 for whose in ("ADDRESS", "ATTENDANT") for what in ("RATE", "BURST")}
    environment = os.environ | {name: str(value) for name, value in own.items()}
    with (data / "up.log").open("wb") as log:
        serving = subprocess.Popen(
            [sys.executable, "-m", "all_in_one", "serve"], env=environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + STARTED_SECONDS
        while not (data / "up.json").exists():
            if serving.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((data / "up.log").read_text()[-2000:])
            time.sleep(0.2)
        told = json.loads((data / "up.json").read_text())
        pids = {name: [process["pid"]] for name, process in told["processes"].items()}
        postmaster = int((data / "postgres/cluster/postmaster.pid").read_text().split()[0])
        yield System(port, json.loads((data / "settings.json").read_text()), pids | {"postgres": [postmaster]})
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(60)


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
    print(f"\n{tickets:,} tickets{'':24}{'1 client, ms':>22}{'8 clients':>12}{'CPU-ms each':>30}{'limit':>16}{'':>10}")
    print(
        f"{'who sees':<24}{'':12}{'median':>12}{'95 %':>10}{'a second':>12}{'gateway, ticket, PostgreSQL':>30}{'ms':>16}{'a second':>10}"
    )
    for username, count in VIEWERS:
        me = system.call("/me", username)
        who = (UUID(me["organizations"][0]["id"]), UUID(me["attendant"]["id"]))
        token, url = system.token(username), database.engine.url.render_as_string(hide_password=False)
        name = "a supervisor of everything" if count is None else f"{count} level{'s' * (count > 1)}"
        for what, path in (("page", "/tickets?pageSize=50"), ("counts", "/tickets:counts")):
            alone = crowd(1, partial(http_client, system.port, path, token))
            before = cpu(system)
            many = crowd(EIGHT, partial(http_client, system.port, path, token))
            used = [f"{1000 * (now - then) / len(many):.2f}" for then, now in zip(before, cpu(system), strict=True)]
            bare, bare_many = (crowd(clients, partial(bare_client, url, what, who)) for clients in (1, EIGHT))
            print(
                f"{name if what == 'page' else '':<28}{what:<8}{statistics.median(alone):>12.2f}{high(alone):>10.2f}"
                f"{len(many) / SECONDS:>12.0f}{', '.join(used):>30}{statistics.median(bare):>16.2f}"
                f"{len(bare_many) / SECONDS:>10.0f}",
                flush=True,
            )


def high(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95) - 1]


def crowd(clients: int, client: Client) -> list[float]:
    """The milliseconds of every answer within SECONDS, which begin for all clients at once."""
    together, answers = CONTEXT.Barrier(clients), CONTEXT.SimpleQueue()
    processes = [CONTEXT.Process(target=one_of, args=(client, together, answers)) for _ in range(clients)]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    if failures := [one for one in found if isinstance(one, str)]:
        raise RuntimeError(failures[0])
    return [one for times in found for one in times]


def one_of(client: Client, together: Any, answers: Any) -> None:
    """Answers with its times, or with what went wrong: whoever waits for them must hear of it."""
    try:
        with client() as act:
            act()
            together.wait()
            end, times = time.monotonic() + SECONDS, []
            while (began := time.monotonic()) < end:
                act()
                times.append(1000 * (time.monotonic() - began))
            answers.put(times)
    except Exception as error:
        together.abort()
        answers.put(repr(error))


@contextmanager
def http_client(port: int, path: str, token: str) -> Iterator[Callable[[], None]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"}

    def act() -> None:
        connection.request("GET", f"/api/v1{path}", headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content

    yield act
    connection.close()


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


def cpu(system: System) -> list[float]:
    """Seconds that the gateway, the ticket service and PostgreSQL have used; of the last also what its children did."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = []
    for name in ("gateway", "ticket-api", "postgres"):
        total = 0
        for pid in system.processes[name]:
            total += sum(used(each) for each in (pid, *descendants(pid)))
        found.append(total / ticks)
    return found


def descendants(pid: int) -> list[int]:
    children = [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]
    return children + [below for child in children for below in descendants(child)]


def used(pid: int) -> int:
    """Ticks of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return sum(int(field) for field in fields[11:15])


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1_000, 100_000, 1_000_000])
