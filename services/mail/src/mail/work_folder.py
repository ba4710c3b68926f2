"""Where attachments lie between parser and store. What people sent must not stay behind when the process is killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

PREFIX = "guiche-ingest-"


class WorkFolder:
    """One per process, locked as long as it lives: a folder whose lock is free belongs to nobody any more."""

    def __init__(self) -> None:
        root = Path(tempfile.gettempdir())
        for path in root.glob(f"{PREFIX}*"):
            remove_abandoned(path)
        unlocked = Path(tempfile.mkdtemp(prefix="guiche-new-"))
        self.descriptor = os.open(unlocked, os.O_RDONLY)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        # Under its name only once it is locked, else another process that starts now would take it for abandoned.
        self.path = unlocked.rename(root / unlocked.name.replace("guiche-new-", PREFIX))

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder for one mail."""
        with TemporaryDirectory(dir=self.path) as folder:
            yield Path(folder)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.descriptor)


def remove_abandoned(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        # Another process removes it, or it is another user's.
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)
