"""Real parts on one machine: PostgreSQL and RabbitMQ as servers, every service as its own processes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from all_in_one import outbox
from all_in_one.demo import filling
from all_in_one.environment import OWNERS, environment, free_ports, migrate_all, taken, told_settings
from all_in_one.starting import claimed
from localservers.postgres import Postgres, postgres
from localservers.rabbitmq import rabbitmq
from servicekit.process import Loop, run_threads

# Every process of the system: what Kubernetes runs as deployments. (service, process; the gateway has but one.)
PROCESSES = (
    ("ticket", "api"),
    ("ticket", "worker"),
    ("routing", "api"),
    ("routing", "worker"),
    ("publisher", "api"),
    ("publisher", "worker"),
    ("mail", "api"),
    ("mail", "worker"),
    ("mail", "receiver"),
    ("mail", "ingest"),
    ("mail", "send"),
    ("mail", "scheduler"),
    ("gateway", ""),
)
FIRST_WATCH_PORT = 9101
# One that dies again and again is given time, else it keeps the machine from those that work.
FIRST_REST = 0.2
LONGEST_REST = 10.0
# One that ran so long did not die of its start.
SOUND_SECONDS = 30.0
END_SECONDS = 20.0


@dataclass
class Child:
    """One process, started anew whenever it ends by itself."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)
    rest: float = FIRST_REST
    due: float = 0.0
    began: float = 0.0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)  # noqa: S603  # ours
        self.due, self.began = 0.0, time.monotonic()

    def look_after(self) -> None:
        if self.process.poll() is None:
            return
        if not self.due:
            if time.monotonic() - self.began > SOUND_SECONDS:
                self.rest = FIRST_REST
            self.put_off()
        elif time.monotonic() >= self.due:
            try:
                self.start()
            except OSError as error:
                # No memory or no room for one process is no reason to end the others.
                print(f"{self.name} cannot be started: {error}", file=sys.stderr)  # noqa: T201  # up.log
                self.put_off()

    def put_off(self) -> None:
        self.due = time.monotonic() + self.rest
        self.rest = min(self.rest * 2, LONGEST_REST)


def up(data: Path, stop: threading.Event) -> None:
    """Runs everything until told to stop; writes <data>/up.json when all is ready."""
    data.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(claimed(data, "`make down`"))
        server = stack.enter_context(database_server(data))
        broker_url = stack.enter_context(broker(data))
        targets = dict(zip(OWNERS, (f"127.0.0.1:{port}" for port in free_ports(len(OWNERS))), strict=True))
        os.environ.update(environment(data, server, targets, broker_url))
        migrate_all(dict(os.environ))
        stack.enter_context(told_settings(data, os.environ))
        children = [child(data, number) for number in range(len(PROCESSES))]
        stack.callback(end, children)
        for each in children:
            each.start()
        errors = run_threads("up", [supervisor(children), lambda stop: announce(data, children, stop)], stop)
        (data / "up.json").unlink(missing_ok=True)
    if errors:
        raise SystemExit(1)


def supervisor(children: list[Child]) -> Loop:
    def run(stop: threading.Event) -> None:
        while not stop.wait(0.1):
            for each in children:
                each.look_after()

    return run


@contextmanager
def database_server(data: Path) -> Iterator[Postgres]:
    """GUICHE_POSTGRES_URL (of a user that may create databases), or one started here."""
    if url := os.environ.get("GUICHE_POSTGRES_URL"):
        yield Postgres(url=url, data=Path(), pid=0)
    else:
        with postgres(data / "postgres") as server:
            yield server


@contextmanager
def broker(data: Path) -> Iterator[str]:
    """GUICHE_RABBITMQ_URL, or one started here."""
    if url := os.environ.get("GUICHE_RABBITMQ_URL"):
        yield url
    else:
        with rabbitmq(data / "rabbitmq") as server:
            yield server.url


def child(data: Path, number: int) -> Child:
    service, process = PROCESSES[number]
    name = f"{service}-{process}".rstrip("-")
    logs = data / "logs"
    logs.mkdir(exist_ok=True)
    watch = int(os.environ.get("GUICHE_FIRST_WATCH_PORT", FIRST_WATCH_PORT)) + number
    own = {**os.environ, "GUICHE_WATCH_PORT": str(watch)}
    # Where no relay takes the mails, the gateway shows them.
    module = "all_in_one.gateway" if service == "gateway" and outbox.shown() else service
    return Child(name, [sys.executable, "-m", module, *([process] if process else [])], own, logs / f"{name}.log")


def announce(data: Path, children: list[Child], stop: threading.Event) -> None:
    """Fills an empty house with the demo, and tells those who wait for it that all is ready."""
    port, smtp_port = int(os.environ["GUICHE_PORT"]), int(os.environ["GUICHE_SMTP_PORT"])
    while not (taken(port) and taken(smtp_port)):
        if stop.wait(0.1):
            return
    filling.fill_by_urls(f"http://127.0.0.1:{port}", smtp_port)
    told = {
        "pid": os.getpid(),
        "port": port,
        "smtpPort": smtp_port,
        "outbox": outbox.shown(),
        "processes": {
            each.name: {"pid": each.process.pid, "watch": int(each.environment["GUICHE_WATCH_PORT"])}
            for each in children
        },
    }
    partial = data / "up.json.partial"
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(told, indent=1))
    partial.rename(data / "up.json")
    stop.wait()


def end(children: list[Child]) -> None:
    for each in children:
        if each.process.poll() is None:
            each.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    for each in children:
        try:
            each.process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            each.process.kill()
            each.process.wait()
