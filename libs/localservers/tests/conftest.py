import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from localservers_support import STARTER, Elsewhere


@pytest.fixture
def start_elsewhere() -> Iterator[Callable[..., Elsewhere]]:
    started: list[subprocess.Popen[str]] = []

    def start(kind: str, data: Path, *prefix: str) -> Elsewhere:
        command = [*prefix, sys.executable, "-c", STARTER, kind, str(data)]
        starter = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(starter)
        assert starter.stdout is not None
        return Elsewhere(starter, json.loads(starter.stdout.readline()))

    yield start
    for starter in started:
        starter.kill()
        starter.communicate()


@pytest.fixture
def deep_folder(tmp_path: Path) -> Path:
    """A folder whose path is longer than a socket's may be, and which only its owner can traverse."""
    folder = tmp_path / ("a" * 60) / ("b" * 60)
    folder.mkdir(parents=True)
    folder.parent.chmod(0o700)
    return folder
