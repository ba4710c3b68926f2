"""Memory of Guichê: of `make run` after its start and after some mails, and of every process of `make up`.

Usage: .venv/bin/python bench/footprint.py [MAILS]   (default 200, mails of 10 kB with an attachment of 3 kB, over 4 connections)
PSS is what counts: a page that several processes share is divided among them; RSS counts it for each of them. Both are of the whole
tree of processes, PostgreSQL and the parsers among them, with demo data. Limits of the same run: a Python that only waits, one that has
imported what `make run` is made of, and PostgreSQL with empty databases.
"""

# ruff: noqa: T201 -- prints its figures.

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from processes import descendants, memory, name_of
from senders import send_all
from system import STARTED_SECONDS, ask, ended, environment_of, machine, running, show, until

from all_in_one.demo.company import PASSWORD
from all_in_one.demo.mails import LETTERS
from all_in_one.environment import OWNERS, free_ports
from localservers.postgres import postgres

CONNECTIONS = 4
ARRIVED_SECONDS = 280.0
# For what was only needed to start, or for a mail, to be given back.
REST_SECONDS = 10.0
Row = list[str]


def main(mails: int) -> None:
    print(f"{machine()}; {mails} mails")
    show(["make run", "PSS MB", "RSS MB"], [*run_rows(mails), *limit_rows()])
    show(["make up", "PSS MB", "RSS MB", "processes"], up_rows(mails))


def run_rows(mails: int) -> list[Row]:
    with TemporaryDirectory(prefix="guiche-bench-") as folder, one_process(Path(folder)) as (pid, port, smtp_port):
        token = str(ask(port, "/auth:login", "", {"username": "carla", "password": PASSWORD})["accessToken"])
        time.sleep(REST_SECONDS)
        rows = tree_rows("after its start", pid)
        send_all(smtp_port, range(mails), CONNECTIONS)
        until(partial(arrived, port, token, len(LETTERS) + mails), ARRIVED_SECONDS)
        time.sleep(REST_SECONDS)
        return rows + tree_rows(f"after {mails} mails", pid)


@contextmanager
def one_process(data: Path) -> Iterator[tuple[int, int, int]]:
    """Its pid, and its ports of HTTP and SMTP."""
    port, smtp_port = free_ports(2)
    log = data / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "all_in_one", "run"],
            env=environment_of(data, port, smtp_port, {}),
            stdout=output,
            stderr=output,
        )
    try:
        # Its first screen comes when all of the demo is there.
        until(lambda: f"localhost:{port}" in log.read_text(), STARTED_SECONDS, lambda: ended(process, log))
        yield process.pid, port, smtp_port
    finally:
        process.terminate()
        process.wait(60)


def arrived(port: int, token: str, tickets: int) -> bool:
    return int(ask(port, "/tickets:counts", token)["total"]) >= tickets


def tree_rows(when: str, pid: int) -> list[Row]:
    parts: dict[str, list[int]] = {}
    for each in (pid, *descendants(pid)):
        parts.setdefault(part_of(each), []).append(each)
    whole = row(f"{when}: all", [each for part in parts.values() for each in part])
    return [whole, *(row(f"  {name} ({len(pids)})", pids) for name, pids in parts.items())]


def part_of(pid: int) -> str:
    if name_of(pid).startswith("postgres"):
        return "PostgreSQL"
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return "others"
    if b"mail.parsing.child" in command:
        return "parsers"
    return "Guichê itself" if b"all_in_one" in command else "others"


def row(name: str, pids: list[int]) -> Row:
    return [name, *(f"{value:.0f}" for value in memory(pids))]


def limit_rows() -> list[Row]:
    rows = [row(f"limit: {name}", [pid]) for name, pid in waiting_pythons()]
    with TemporaryDirectory(prefix="guiche-bench-") as folder, postgres(Path(folder) / "postgres") as server:
        for owner in OWNERS:
            server.database(owner)
        return [*rows, row("limit: PostgreSQL with nothing in it", [server.pid, *descendants(server.pid)])]


def waiting_pythons() -> Iterator[tuple[str, int]]:
    """Each lives until the next one is asked for."""
    for name, imports in (("a Python that waits", "sys"), ("a Python with all imported", "all_in_one.run")):
        said = f"import {imports}; print('.', flush=True); input()"
        with subprocess.Popen([sys.executable, "-c", said], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            yield name, process.pid
            process.terminate()


def up_rows(mails: int) -> list[Row]:
    with TemporaryDirectory(prefix="guiche-bench-") as folder, running(Path(folder)) as system:
        token = system.token("carla")
        send_all(system.smtp_port, range(mails), CONNECTIONS)
        until(partial(arrived, system.port, token, len(LETTERS) + mails), ARRIVED_SECONDS)
        time.sleep(REST_SECONDS)
        trees = {name: [pid, *descendants(pid)] for name, pid in system.processes.items()}
        trees["all, with what started them"] = [system.supervisor, *descendants(system.supervisor)]
        return [[*row(name, pids), str(len(pids))] for name, pids in trees.items()]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
