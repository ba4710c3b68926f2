"""Servers started by another process, and looks at what runs."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Starts a server in a process of its own, which is what the tests kill.
STARTER = """
import json, signal, sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from localservers.postgres import postgres
from localservers.rabbitmq import rabbitmq
with {"postgres": postgres, "rabbitmq": rabbitmq}[sys.argv[1]](Path(sys.argv[2])) as server:
    print(json.dumps(asdict(server), default=str), flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Elsewhere:
    """A server whose starter is another process."""

    starter: "subprocess.Popen[str]"
    facts: dict[str, Any]

    def processes(self) -> list[int]:
        """The guard, the server, and everything below them."""
        return descendants(self.starter.pid)


def descendants(process: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == process:
            child = int(stat.parent.name)
            found += [child, *descendants(child)]
    return found


def alive(process: int) -> bool:
    """Whether it runs; one that has ended and waits to be reaped does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.05)


def kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
