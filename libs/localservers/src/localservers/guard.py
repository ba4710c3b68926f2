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


def main(starter: int, stop_signal: int, grace_seconds: float, command: list[str]) -> int:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    server: subprocess.Popen[bytes] | None = None
    try:
        # The lock on the data folder is among the descriptors it inherits.
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
        while os.getppid() == starter and server.poll() is None:
            _reap_adopted(server.pid)
            time.sleep(POLL_SECONDS)
        return server.returncode or 0
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


def _end(server: "subprocess.Popen[bytes]", stop_signal: int, grace_seconds: float) -> None:
    if server.poll() is None:
        server.send_signal(stop_signal)
    try:
        server.wait(timeout=grace_seconds)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _reap_adopted(server: int) -> None:
    """What the server left behind and has ended; the server itself is left for `server.poll`."""
    while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid != server:
        os.waitpid(ended.si_pid, 0)


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
    own = str(os.getpid())
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # proc(5): pid (name) state ppid; the name may contain anything, also a parenthesis.
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == own:
            children.append(int(stat.parent.name))
    return children


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
