"""Keeps one server for all processes of a test run, which come and go (pytest-xdist's workers), until their owner ends.

The first process that needs the server starts the keeper, under a lock; all learn about the server from a file. The
owner is the process that lives longest: pytest itself, or xdist's controller. It asks the keepers to stop before it
ends; where it could not (it was killed), they see that it is gone.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from pathlib import Path

from localservers.postgres import Postgres, postgres
from localservers.processes import ServerFailed, end_of
from localservers.rabbitmq import RabbitMQ, rabbitmq

KINDS = ("postgres", "rabbitmq")


def kept_postgres(owner: int) -> Postgres:
    facts = _kept("postgres", owner)
    return Postgres(url=str(facts["url"]), data=Path(str(facts["data"])), pid=int(str(facts["pid"])))


def kept_rabbitmq(owner: int) -> RabbitMQ:
    facts = _kept("rabbitmq", owner)
    return RabbitMQ(
        url=str(facts["url"]),
        node=str(facts["node"]),
        data=Path(str(facts["data"])),
        port=int(str(facts["port"])),
        epmd_port=int(str(facts["epmd_port"])),
    )


def stop_kept(owner: int) -> None:
    """Stop what was kept for this owner; returns when it has ended."""
    for kind in KINDS:
        with suppress(FileNotFoundError, ProcessLookupError):
            keeper = os.pidfd_open(int((_folder(owner) / f"{kind}.pid").read_text()))
            signal.pidfd_send_signal(keeper, signal.SIGTERM)
            _wait_for_end_of(keeper)
            os.close(keeper)
    shutil.rmtree(_folder(owner), ignore_errors=True)


def _kept(kind: str, owner: int) -> dict[str, object]:
    folder = _folder(owner)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.geteuid():
        raise ServerFailed(f"{folder} belongs to somebody else")
    facts, log = folder / f"{kind}.json", folder / f"{kind}.log"
    with (folder / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not facts.exists():
            # A first failure is final for the run: not every test shall wait for the same timeout again.
            if log.exists():
                raise ServerFailed(f"{kind} did not start earlier in this run:\n{end_of(log)}")
            with log.open("w") as output:
                command = [sys.executable, "-m", "localservers.keeper", kind, str(folder), str(owner)]
                subprocess.run(
                    command, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
        if not facts.exists():
            raise ServerFailed(f"{kind} did not start:\n{end_of(log)}")
        loaded: dict[str, object] = json.loads(facts.read_text())
    return loaded


def _folder(owner: int) -> Path:
    """One folder per owner; its start time tells it from an earlier process of the same id."""
    started = Path(f"/proc/{owner}/stat").read_text().rpartition(")")[2].split()[19]
    return Path(tempfile.gettempdir()) / f"guiche-servers-{os.geteuid()}-{owner}-{started}"


def main(kind: str, folder: Path, owner: int) -> int:
    """Returns in the starting process as soon as the server answers or has failed; a fork goes on keeping it."""
    ready, told = os.pipe()
    if os.fork():
        os.close(told)
        return 0 if os.read(ready, 1) else 1
    os.close(ready)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    try:
        _keep(kind, folder, os.pidfd_open(owner), told)
    finally:
        shutil.rmtree(folder / kind, ignore_errors=True)
        if not any((folder / other).exists() for other in KINDS):
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _keep(kind: str, folder: Path, owner: int, told: int) -> None:
    server: AbstractContextManager[Postgres | RabbitMQ]
    server = postgres(folder / kind, durable=False) if kind == "postgres" else rabbitmq(folder / kind)
    (folder / f"{kind}.pid").write_text(str(os.getpid()))
    with server as running:
        (folder / f"{kind}.json").write_text(json.dumps(asdict(running), default=str))
        os.write(told, b"1")
        os.close(told)
        _wait_for_end_of(owner)


def _wait_for_end_of(process: int) -> None:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.poll()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
