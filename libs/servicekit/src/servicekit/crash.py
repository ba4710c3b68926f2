"""Named places where a process may be made to die, so that tests can say what is left after a death just there."""

import os
import signal
from pathlib import Path

VARIABLE = "GUICHE_CRASH_FILE"


def point(name: str) -> None:
    """Kills this process, as `kill -9` does, if the file that GUICHE_CRASH_FILE names holds this name; else nothing.

    The file is gone then, so whoever takes over lives. Of several that meet it at once, one dies.
    """
    path = os.environ.get(VARIABLE)
    if path:
        die_at(name, Path(path))


def die_at(name: str, file: Path) -> None:
    try:
        if file.read_text().strip() != name:
            return
        file.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
