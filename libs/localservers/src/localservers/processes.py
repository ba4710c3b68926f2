"""Starting servers so that they end with whoever started them, and as whom to start them."""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

LOCK_SECONDS = 15.0
START_SECONDS = 90
GRACE_SECONDS = 30
NOBODY = 65534  # Debian policy 9.2.2 fixes this id. PostgreSQL wants one that has an entry in passwd.
GUARD = Path(__file__).with_name("guard.py")


class ServerFailed(RuntimeError):
    """A server did not start, or refused an order; where it ended, the text carries the end of its log."""


@contextmanager
def guarded(
    command: Sequence[str],
    *,
    answers: Callable[[], bool],
    stop_signal: signal.Signals,
    lock: TextIO,
    log: Path,
    env: Mapping[str, str],
) -> Iterator[None]:
    """Run a server under guard.py: from when it answers until the end of the block, or of this process."""
    watch = [str(os.getpid()), str(int(stop_signal)), str(GRACE_SECONDS)]
    with log.open("ab") as output:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), *watch, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            pass_fds=(lock.fileno(),),
            start_new_session=True,
        )
    # The guard and the server hold the lock now. Held here too, it would be inherited by every fork of this process,
    # and one that outlived it would keep the folder locked.
    lock.close()
    try:
        wait_until(answers, lambda: _check_alive(guard, log))
        yield
    finally:
        guard.terminate()
        guard.wait(timeout=2 * GRACE_SECONDS)


def wait_until(answers: Callable[[], bool], check: Callable[[], None], seconds: float = START_SECONDS) -> None:
    """Wait for an answer; `check` may raise what makes waiting pointless."""
    deadline = time.monotonic() + seconds
    while not answers():
        check()
        if time.monotonic() > deadline:
            raise ServerFailed(f"the server did not answer within {seconds} s")
        time.sleep(0.03)


def _check_alive(guard: "subprocess.Popen[bytes]", log: Path) -> None:
    if guard.poll() is not None:
        raise ServerFailed(f"the server ended while starting:\n{end_of(log)}")


def end_of(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def free_port() -> int:
    """A free port below those the kernel hands out (ip_local_port_range), so that no connection takes it meanwhile."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@contextmanager
def locked(folder: Path) -> Iterator[TextIO]:
    """Lock the folder for one server; yields the lock, for `guarded`.

    A flock belongs to the open file and is held while any process has it. The guard and the server inherit it, so
    whoever gets the lock knows that no process of an earlier server is left, however that one ended. The wait covers
    a server that is just going down because its starter was killed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    deadline = time.monotonic() + LOCK_SECONDS
    with (folder / "lock").open("w") as lock:
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                raise ServerFailed(f"another server is running in {folder}")
            time.sleep(0.05)
        yield lock


def _try_lock(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def as_someone_unprivileged(program: Path, folder: Path) -> list[str]:
    """What to write before a command that refuses to run as root; the folder is given to whom it then runs as.

    As root, two ways. A user namespace in which root is called `nobody`: outside it stays root, so it reaches folders
    only root can traverse and leaves files of root. Where a container forbids namespaces, or the folder lies in
    somebody else's private one: really `nobody`, keeping of root's capabilities the one to reach files. No user is
    created for either.
    """
    if os.geteuid() != 0:
        return []
    namespace = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"]
    capability = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    capability += ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--"]
    for prefix, owner in ((namespace, 0), (capability, NOBODY)):
        _give(folder, owner)
        reach = [*prefix, "sh", "-c", 'test -x "$1" && test -w "$2"', "sh", str(program), str(folder)]
        if shutil.which(prefix[0]) and subprocess.run(reach, check=False, capture_output=True).returncode == 0:
            return prefix
    raise ServerFailed(
        f"running as root, and neither a user namespace nor the user nobody reaches {program} and {folder}; "
        "run as an ordinary user instead"
    )


def _give(folder: Path, owner: int) -> None:
    """Give a folder to a user, with all that is in it, unless its top shows that this is done already."""
    if folder.stat().st_uid == owner:
        return
    for path in folder.rglob("*"):
        os.chown(path, owner, -1, follow_symlinks=False)
    os.chown(folder, owner, -1)


def dying_with_guard(stop_signal: signal.Signals) -> list[str]:
    """What to write before a command so that the kernel signals it should its guard be killed."""
    return ["setpriv", f"--pdeathsig={stop_signal.name.removeprefix('SIG')}", "--"] if shutil.which("setpriv") else []
