"""The whole system as `make up` runs it, for benches that look at it from outside: starting it, asking it, what work on it costs."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psycopg
from processes import cpu, descendants, name_of

from all_in_one.demo.company import PASSWORD
from all_in_one.environment import OWNERS, free_ports, free_range
from all_in_one.up import PROCESSES
from localservers.postgres import postgres

STARTED_SECONDS = 600
# A backend of PostgreSQL tells how many commits it has made at once, or ten seconds after it fell idle.
SETTLED_SECONDS = 11.0
# Of all databases together: only who writes gets a number, but a savepoint that does gets one of its own.
WROTE = "numbers given to who writes"
# Of what a process has loaded a client that is forked has everything at once.
CONTEXT = get_context("fork")
# Does one thing each time it is called, and raises StopIteration where nothing is left to do. The first call warms up.
Act = Callable[[], object]
Client = Callable[[], AbstractContextManager[Act]]


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "unknown processor")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    return f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {os.uname().release}"


@dataclass(frozen=True)
class System:
    """processes: the first pid of each, by what it is; `supervisor` is the ancestor of all."""

    data: Path
    port: int
    smtp_port: int
    settings: dict[str, str]
    processes: dict[str, int]
    supervisor: int

    def call(self, path: str, username: str) -> Any:
        return ask(self.port, path, self.token(username))

    def token(self, username: str) -> str:
        """Good for five minutes."""
        return str(ask(self.port, "/auth:login", "", {"username": username, "password": PASSWORD})["accessToken"])

    def database(self, owner: str) -> str:
        """For psycopg."""
        return self.settings[f"GUICHE_{owner.upper()}_DATABASE_URL"].replace("+psycopg", "", 1)


def ask(port: int, path: str, token: str, body: dict[str, str] | None = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        return asked(connection, path, token, body)
    finally:
        connection.close()


def asked(connection: http.client.HTTPConnection, path: str, token: str, body: dict[str, str] | None = None) -> Any:
    """body: None for GET. The JSON of the answer, which must be 200."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    method, content = ("GET", None) if body is None else ("POST", json.dumps(body))
    connection.request(method, f"/api/v1{path}", content, headers)
    answer = connection.getresponse()
    told = answer.read()
    assert answer.status == 200, told
    return json.loads(told)


@contextmanager
def running(data: Path, commit_times: bool = False, **settings: object) -> Iterator[System]:
    """All processes, with a PostgreSQL and a RabbitMQ of their own, both durable.

    settings: by their names without GUICHE_. commit_times: PostgreSQL keeps them, see pg_xact_commit_timestamp.
    """
    if commit_times:
        keep_commit_times(data)
    port, smtp_port = free_ports(2)
    environment = environment_of(data, port, smtp_port, settings)
    with (data / "up.log").open("wb") as log:
        serving = subprocess.Popen(
            [sys.executable, "-m", "all_in_one", "serve"], env=environment, stdout=log, stderr=log
        )
    try:
        until((data / "up.json").exists, STARTED_SECONDS, lambda: ended(serving, data / "up.log"))
        pids = {name: told["pid"] for name, told in json.loads((data / "up.json").read_text())["processes"].items()}
        pids["postgres"] = int((data / "postgres/cluster/postmaster.pid").read_text().split()[0])
        pids["rabbitmq"] = next(pid for pid in descendants(serving.pid) if name_of(pid).startswith("beam"))
        yield System(data, port, smtp_port, json.loads((data / "settings.json").read_text()), pids, serving.pid)
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(60)


def keep_commit_times(data: Path) -> None:
    """It is for the server's next start to begin with that."""
    with (
        postgres(data / "postgres") as server,
        psycopg.connect(server.url.replace("+psycopg", "", 1), autocommit=True) as connection,
    ):
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")


def environment_of(data: Path, port: int, smtp_port: int, settings: dict[str, object]) -> dict[str, str]:
    own: dict[str, object] = {"DATA": data, "PORT": port, "SMTP_PORT": smtp_port}
    own["FIRST_WATCH_PORT"] = free_range(len(PROCESSES))
    # Eight clients here are one attendant at one address; what the gateway allows those is not what is measured.
    own |= {f"{whose}_{what}": 1_000_000 for whose in ("ADDRESS", "ATTENDANT") for what in ("RATE", "BURST")}
    return os.environ | {f"GUICHE_{name}": str(value) for name, value in (own | settings).items()}


def ended(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is not None:
        raise RuntimeError(log.read_text()[-2000:])


@contextmanager
def another(system: System, service: str, process: str) -> Iterator[int]:
    """One more of a process that runs already; yields its pid once it is ready."""
    watch, log = free_range(1), system.data / f"another-{service}-{process}.log"
    environment = os.environ | system.settings | {"GUICHE_WATCH_PORT": str(watch)}
    with log.open("ab") as output:
        more = subprocess.Popen([sys.executable, "-m", service, process], env=environment, stdout=output, stderr=output)
    try:
        until(lambda: answers(f"http://127.0.0.1:{watch}/readyz"), 120, lambda: ended(more, log))
        yield more.pid
    finally:
        more.send_signal(signal.SIGTERM)
        more.wait(60)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def until(
    condition: Callable[[], object], seconds: float, check: Callable[[], None] = lambda: None, pause: float = 0.1
) -> None:
    """check: may raise what makes waiting pointless. pause: seconds between two looks, which cost something as well."""
    deadline = time.monotonic() + seconds
    while not condition():
        check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(pause)


# ---- clients


@dataclass(frozen=True)
class Crowd:
    """times: milliseconds of every act. seconds: from the first one's beginning to the last one's end."""

    times: list[float]
    seconds: float

    def part(self, share: float) -> float:
        """That share of the times is no longer."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    @property
    def median(self) -> float:
        return self.part(0.5)

    @property
    def high(self) -> float:
        return self.part(0.95)

    @property
    def rate(self) -> float:
        return len(self.times) / self.seconds


def crowd(clients: Sequence[Client], seconds: float = 600.0) -> Crowd:
    """What the clients did until the seconds were over, or nothing was left; they begin at once, each a process."""
    together, told = CONTEXT.Barrier(len(clients)), CONTEXT.SimpleQueue()
    processes = [CONTEXT.Process(target=one_of, args=(client, together, told, seconds)) for client in clients]
    for process in processes:
        process.start()
    found = [told.get() for _ in processes]
    for process in processes:
        process.join()
    if failures := [one for one in found if isinstance(one, str)]:
        raise RuntimeError(failures[0])
    times = [one for _, _, times in found for one in times]
    return Crowd(times, max(end for _, end, _ in found) - min(began for began, _, _ in found))


def one_of(client: Client, together: Any, told: Any, seconds: float) -> None:
    """Tells of its times, or of what went wrong: whoever waits for them must hear of it."""
    try:
        with client() as act:
            act()
            together.wait()
            began = time.monotonic()
            times = list(times_of(act, began + seconds))
            told.put((began, time.monotonic(), times))
    except BrokenBarrierError:
        told.put("another client failed")
    except Exception as error:
        together.abort()
        told.put(repr(error))


def times_of(act: Act, end: float) -> Iterator[float]:
    while (began := time.monotonic()) < end:
        try:
            act()
        except StopIteration:
            return
        yield 1000 * (time.monotonic() - began)


@contextmanager
def http_client(port: int, path: str, token: str) -> Iterator[Act]:
    """Asks for the same page again and again, on one connection."""
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
def committing(url: str, inserts: int) -> Iterator[Act]:
    """Commits that many rows of half a kilobyte in one transaction, again and again: the limit of whatever writes."""
    with psycopg.connect(url) as connection:
        # Two clients that create a table at once would trip over each other.
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        connection.execute("CREATE TABLE IF NOT EXISTS bench_rows (id uuid PRIMARY KEY, said text NOT NULL)")
        connection.commit()

        def act() -> None:
            for _ in range(inserts):
                connection.execute("INSERT INTO bench_rows VALUES (gen_random_uuid(), repeat('x', 500))")
            connection.commit()

        yield act


# ---- what work costs


@dataclass(frozen=True)
class Reading:
    """CPU-seconds by process and commits by database, both since these began."""

    at: float
    cpu: dict[str, float]
    commits: dict[str, float]


@dataclass(frozen=True)
class Cost:
    """Of a second or of a unit of work: CPU-milliseconds by process, commits by database."""

    cpu: dict[str, float]
    commits: dict[str, float]


def reading(system: System) -> Reading:
    with psycopg.connect(system.database("ticket"), autocommit=True) as connection:
        rows = connection.execute("SELECT datname, xact_commit FROM pg_stat_database").fetchall()
        [number] = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone() or [0]
    mine = {f"guiche_{owner}" for owner in OWNERS}
    commits = {name: count for name, count in rows if name in mine} | {WROTE: number}
    return Reading(time.monotonic(), {name: cpu(pid) for name, pid in system.processes.items()}, commits)


def settled(system: System) -> Reading:
    time.sleep(SETTLED_SECONDS)
    return reading(system)


def idle(system: System) -> Cost:
    """A second of nothing to do."""
    before = settled(system)
    return difference(before, settled(system), 1.0, None)


def cost_of(system: System, units: int, nothing: Cost, work: Callable[[], object]) -> Cost:
    """A unit of the work, with all that it causes afterwards; without what the system would have cost idle."""
    before = settled(system)
    work()
    return difference(before, settled(system), units, nothing)


def difference(before: Reading, after: Reading, units: float, nothing: Cost | None) -> Cost:
    """nothing: subtracted for each second; None: nothing is, and a unit is a second."""
    seconds = after.at - before.at

    def each(used: float, while_idle: float) -> float:
        return (used - while_idle * seconds) / units if nothing else used / seconds

    was = nothing or Cost({}, {})
    return Cost(
        {name: each(1000 * (now - before.cpu[name]), was.cpu.get(name, 0)) for name, now in after.cpu.items()},
        {name: each(now - before.commits[name], was.commits.get(name, 0)) for name, now in after.commits.items()},
    )


def show_costs(columns: dict[str, Cost], of: str) -> None:
    """A column of each; a process that one of them lacks is empty there."""
    names = list(dict.fromkeys(name for cost in columns.values() for name in cost.cpu))
    rows = [[name, *(figure(cost.cpu.get(name)) for cost in columns.values())] for name in names]
    rows.append(["all", *(figure(sum(cost.cpu.values())) for cost in columns.values())])
    show([f"CPU-ms of {of}", *columns], rows)
    databases = [f"guiche_{owner}" for owner in OWNERS]
    rows = [[name, *(figure(cost.commits[name]) for cost in columns.values())] for name in databases]
    rows.append(["all", *(figure(sum(cost.commits[name] for name in databases)) for cost in columns.values())])
    rows.append([WROTE, *(figure(cost.commits[WROTE]) for cost in columns.values())])
    show([f"commits of {of}, reads and pings among them", *columns], rows)


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table: the first column to the left, the others to the right."""
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    print()  # noqa: T201 -- prints figures
    for line in (header, *rows):
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        print("  ".join(cells).rstrip(), flush=True)  # noqa: T201
