"""Starting servers so that they end with whoever started them, and as whom to start them."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")


class ServerFailed(RuntimeError):
    """A server did not start; the text carries the end of its log."""


def start_guarded(
    command: Sequence[str],
    *,
    stop_signal: signal.Signals,
    grace_seconds: float,
    log: Path,
    lock: int,
    env: Mapping[str, str],
) -> "subprocess.Popen[bytes]":
    """Start `command` under guard.py; both inherit the lock on the data folder, see `locked`."""
    guard = [
        sys.executable,
        "-I",
        "-S",
        str(GUARD),
        str(os.getpid()),
        str(int(stop_signal)),
        str(grace_seconds),
    ]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*guard, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            pass_fds=(lock,),
            start_new_session=True,
        )


def stop_guarded(guard: "subprocess.Popen[bytes]", *, seconds: float) -> None:
    guard.terminate()
    guard.wait(timeout=seconds)


def wait_until(
    answers: Callable[[], bool],
    guard: "subprocess.Popen[bytes]",
    *,
    seconds: float,
    log: Path,
) -> None:
    deadline = time.monotonic() + seconds
    while not answers():
        if guard.poll() is not None:
            raise ServerFailed(f"the server ended while starting:\n{end_of(log)}")
        if time.monotonic() > deadline:
            raise ServerFailed(f"the server did not answer within {seconds:.0f} s:\n{end_of(log)}")
        time.sleep(0.03)


def end_of(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def locked(folder: Path, *, seconds: float = 15) -> Iterator[int]:
    """Hold the folder for one server; yields the lock's file descriptor, to be inherited by the server.

    A flock belongs to the open file and is held while any process has it. A server inherits it, so whoever gets the
    lock knows that no process of an earlier server is left, however that one ended. The wait covers a server that is
    just going down because its starter was killed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + seconds
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise ServerFailed(f"another server is running in {folder}")
            time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def as_someone_unprivileged(program: Path, folder: Path) -> tuple[list[str], int]:
    """What to write before a command that refuses to run as root, and the user id that must own its folder.

    As root, two ways. A user namespace in which root is called `nobody`: outside it stays root, so it reaches folders
    only root can traverse and leaves files of root. Where a container forbids namespaces, or the folder belongs to
    somebody else and root's capabilities would be needed to reach it: really `nobody`, keeping CAP_DAC_OVERRIDE alone.
    No user is created for either.
    """
    if os.geteuid() != 0:
        return [], os.geteuid()
    nobody = "65534"  # Fixed by Debian's policy (9.2.2) and Linux' overflow user id; PostgreSQL needs its passwd entry.
    namespace = [
        "unshare",
        "--user",
        f"--map-user={nobody}",
        f"--map-group={nobody}",
        "--",
    ]
    capability = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
    capability += [
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
        "--bounding-set=-all,+dac_override",
        "--",
    ]
    for prefix, owner in ((namespace, 0), (capability, int(nobody))):
        own(folder, owner)
        reach = [
            *prefix,
            "sh",
            "-c",
            'test -x "$1" && test -w "$2"',
            "sh",
            str(program),
            str(folder),
        ]
        if shutil.which(prefix[0]) and subprocess.run(reach, check=False, capture_output=True).returncode == 0:
            return prefix, owner
    raise ServerFailed(
        f"running as root, and neither a user namespace nor the user nobody reaches {program} and {folder}; "
        "run as an ordinary user instead"
    )


def own(folder: Path, owner: int) -> None:
    """Give a folder to a user, with all that is in it, unless its top shows that this is done already."""
    if folder.stat().st_uid == owner:
        return
    for path in folder.rglob("*"):
        os.chown(path, owner, -1, follow_symlinks=False)
    os.chown(folder, owner, -1)


def dying_with_guard(stop_signal: signal.Signals) -> list[str]:
    """What to write before a command so that the kernel signals it should its guard be killed."""
    return ["setpriv", f"--pdeathsig={stop_signal.name.removeprefix('SIG')}", "--"] if shutil.which("setpriv") else []
