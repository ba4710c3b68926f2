"""The plugin in runs of its own, whose servers must be one per run and gone afterwards."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from localservers_support import alive, kill, wait_until

RUN = """
import os, time
from pathlib import Path
import pytest

@pytest.mark.parametrize("n", range(4))
def test_uses_it(n, postgres_server):
    here = Path(__file__).parent
    postgres_server.database("shared")
    (here / f"seen-{n}").write_text(f"{postgres_server.pid} {os.getpid()}")
    while n == 3 and (here / "hold").exists():
        time.sleep(0.05)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["localservers.fixtures"]\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "test_run.py").write_text(RUN)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GUICHE_"))}
    runs: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        runs.append(subprocess.Popen(command, cwd=tmp_path, env=environment))
        return runs[-1]

    yield start
    for run in runs:
        run.kill()
        run.wait()


def seen(folder: Path) -> list[tuple[int, int]]:
    """(server, worker) of each test."""
    lines = [path.read_text().split() for path in sorted(folder.glob("seen-*"))]
    return [(int(server), int(worker)) for server, worker in lines]


@pytest.mark.parametrize(("options", "workers"), [((), 1), (("-n2",), 2)])
def test_one_server_serves_a_run_and_is_gone_afterwards(
    tmp_path: Path, start: Callable[..., "subprocess.Popen[bytes]"], options: tuple[str, ...], workers: int
) -> None:
    run = start(*options)
    assert run.wait(timeout=100) == 0
    assert len({worker for _server, worker in seen(tmp_path)}) == workers
    [server] = {server for server, _worker in seen(tmp_path)}
    assert not alive(server)
    assert not kept_for(run.pid)


def test_a_killed_run_leaves_no_server(tmp_path: Path, start: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    (tmp_path / "hold").touch()
    run = start("-n2")
    wait_until(lambda: (tmp_path / "seen-3").exists() and bool((tmp_path / "seen-3").read_text()))
    [(server, _worker), *_rest] = seen(tmp_path)
    kill(run.pid)
    run.wait()
    (tmp_path / "hold").unlink()
    wait_until(lambda: not alive(server) and not kept_for(run.pid))


def kept_for(owner: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"guiche-servers-*-{owner}-*"))
