"""An installation whose every part is in the test's hands: processes, servers, lines, disks and clocks."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from correspondent import Correspondent
from e2e_support import System, serving
from sqlalchemy import make_url

from all_in_one.environment import SETTINGS_FILE, free_ports, free_range
from all_in_one.up import PROCESSES
from localservers.postgres import Postgres, postgres
from localservers.processes import dying_with_guard, free_port
from localservers.proxy import Proxy, always
from localservers.rabbitmq import RabbitMQ, rabbitmq
from servicekit.testing import eventually

# Of the disks: enough for the mails of all faults one after another, little enough to be filled in a moment.
FILES_SIZE, DATABASE_SIZE = "768m", "2g"


class House:
    """lines: proxies by what they lead to. system: as the end-to-end tests know it. small_disks: whether they can be
    filled, see disk()."""

    def __init__(self, data: Path, small_disks: bool = False) -> None:
        self.data, self.small_disks = data, small_disks
        self.stack, self.server_stack = ExitStack(), ExitStack()
        self.database_port = free_port()
        self.lines: dict[str, Proxy] = {}
        self.clock = data / "clock"
        self.customers = Correspondent()
        self.system: System
        self.server: Postgres
        self.broker: RabbitMQ

    def start(self) -> None:
        source, compiled = Path(__file__).with_name("clock.c"), self.data / "clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", compiled, source, "-ldl"], check=True)
        self.move_clock(0)
        if self.small_disks:
            disk(self.stack, self.data / "database", DATABASE_SIZE)
            disk(self.stack, self.data / "files", FILES_SIZE)
        self.stack.enter_context(self.customers)
        self.stack.callback(self.server_stack.close)
        self.start_database()
        self.broker = self.stack.enter_context(rabbitmq(self.data / "broker"))
        port, smtp_port = free_ports(2)
        for name, target in {
            "database": self.database_port,
            "broker": self.broker.port,
            "relay": self.customers.port,
            "receiver": smtp_port,
        }.items():
            self.lines[name] = self.stack.enter_context(Proxy(always(target)))
        environment = {**os.environ, **self.settings(port, smtp_port)}
        self.system = self.stack.enter_context(serving(self.data, environment, seconds=300))

    def settings(self, port: int, smtp_port: int) -> dict[str, str]:
        url = make_url(self.server.url).set(port=self.lines["database"].port)
        return {
            "GUICHE_DATA": str(self.data),
            "GUICHE_PORT": str(port),
            "GUICHE_SMTP_PORT": str(smtp_port),
            "GUICHE_FIRST_WATCH_PORT": str(free_range(len(PROCESSES))),
            "GUICHE_POSTGRES_URL": url.render_as_string(hide_password=False),
            "GUICHE_RABBITMQ_URL": self.broker.url.replace(str(self.broker.port), str(self.lines["broker"].port)),
            "GUICHE_SMTP_RELAY": f"127.0.0.1:{self.lines['relay'].port}",
            "GUICHE_SMTP_RELAY_TIMEOUT": "5",
            "GUICHE_CLOCK": str(self.clock),
            "LD_PRELOAD": str(self.data / "clock.so"),
        }

    # What is in the test's hands.

    def move_clock(self, seconds: int) -> None:
        """Of all processes of ours, at once, while they run; see clock.c."""
        self.write_clock(self.clock, seconds)
        assert abs(self.moved_by(self.clock) - seconds) < 60, "a process that goes by this clock has its time"

    def moved_by(self, clock: Path) -> float:
        """How many seconds a process that goes by that clock is ahead of this one."""
        command = [sys.executable, "-c", "import time; print(time.time())"]
        environment = {**os.environ, "GUICHE_CLOCK": str(clock), "LD_PRELOAD": str(self.data / "clock.so")}
        told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
        return float(told.stdout) - time.time()

    def goes_by(self, pid: int, clock: Path) -> bool:
        """Whether that process has mapped the clock, and sees what is written to it from then on."""
        try:
            return f" {clock}\n" in Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            return False

    def write_clock(self, path: Path, seconds: int) -> None:
        """In place: the file is mapped by those who go by it. Negative: behind."""
        with path.open("r+b" if path.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))

    def start_database(self) -> None:
        self.server = self.server_stack.enter_context(postgres(self.data / "database", port=self.database_port))

    def stop_database(self) -> None:
        self.server_stack.close()

    def query(self, owner: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Of the database of one service."""
        settings = json.loads((self.data / SETTINGS_FILE).read_text())
        url = settings[f"GUICHE_{owner.upper()}_DATABASE_URL"].replace("+psycopg", "", 1)
        with psycopg.connect(url) as connection:
            return connection.execute(statement, values).fetchall()

    def database_answers(self) -> bool:
        try:
            psycopg.connect(self.server.url.replace("+psycopg", "", 1), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self, name: str, number: int = signal.SIGKILL) -> list[int]:
        """A signal to all processes of that name, its children too. Gives those which got it: at least one."""
        found = eventually(lambda: self.system.pids(name), seconds=60)
        hit = [pid for pid in found if signalled(pid, number)]
        assert hit, f"{name} was running"
        return hit

    @contextmanager
    def another(self, *words: str, **changes: str) -> Iterator[int]:
        """A further process beside those that stand: it takes over what they let lie. Gives its id."""
        environment = self.system.environment() | {"GUICHE_WATCH_PORT": "0", **changes}
        with (self.data / "another.log").open("ab") as log:
            command = [*dying_with_guard(signal.SIGTERM), sys.executable, "-m", *words]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            finally:
                process.kill()
                process.wait()


def signalled(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def state_of(pid: int) -> str:
    """As the kernel tells it: T is stopped, empty one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def disk(stack: ExitStack, folder: Path, size: str) -> None:
    """A small disk of its own, which can be filled."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    stack.callback(unmount, os.open(folder, os.O_PATH))


def unmount(disk: int) -> None:
    """Wherever it is by now: of a run that is interrupted, pytest may have moved the folder away before."""
    try:
        subprocess.run(["umount", "-l", Path(f"/proc/self/fd/{disk}").readlink()], check=True)
    finally:
        os.close(disk)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """As long as this lasts, not a byte more fits onto the folder's disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 1024 * 1024):
            pass
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 512):
            pass
    try:
        yield
    finally:
        filler.unlink()
