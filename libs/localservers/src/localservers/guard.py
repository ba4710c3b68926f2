"""Runs one server and outlives its starter just long enough to stop it. Started by `guarded`, as a file, not imported.

A server started for a run must not stay when the run is killed with SIGKILL, and must not be hit by a Ctrl-C in the
terminal before the run has said its last word to it. So the server's parent is this process, in a session of its own:
it watches who started it and what it started, and adopts whatever its server leaves behind (epmd, Erlang's ports).
Should the guard itself be killed, its server gets a signal from the kernel (PR_SET_PDEATHSIG, set by `setpriv`).

PR_SET_PDEATHSIG alone, without a guard, would be wrong: it fires when the starting *thread* ends.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
POLL_SECONDS = 0.1


class Stop(Exception):
    pass


def main(
    starter: int, stop_signal: int, grace_seconds: float, command: list[str]
) -> int:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    server: subprocess.Popen[bytes] | None = None
    try:
        # The lock on the data folder is among the descriptors it inherits.
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
        while os.getppid() == starter:
            try:
                return server.wait(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    except Stop:
        pass
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if server is not None:
            _end(server, stop_signal, grace_seconds)
        _end_adopted()
    return 0


def _stop(_number: int, _frame: object) -> None:
    raise Stop


def _end(
    server: "subprocess.Popen[bytes]", stop_signal: int, grace_seconds: float
) -> None:
    if server.poll() is None:
        server.send_signal(stop_signal)
    try:
        server.wait(timeout=grace_seconds)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _end_adopted() -> None:
    """Kill and reap until no child is left: killing a child hands its own children to this process."""
    deadline = time.monotonic() + 10
    while (children := _children()) and time.monotonic() < deadline:
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            except (ProcessLookupError, ChildProcessError):
                continue


def _children() -> list[int]:
    return [
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
