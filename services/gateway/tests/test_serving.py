"""The gateway as a process of its own, under granian."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.serving import FAREWELL, GRACE
from gateway.testing import World
from localservers.processes import free_port
from servicekit.testing import eventually


@pytest.fixture
def process(
    keys_folder: Path, addresses: dict[str, str], world: World
) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Running, and its address."""
    port = free_port()
    settings = {"GUICHE_KEYS": str(keys_folder), "GUICHE_PORT": str(port)}
    settings |= {f"GUICHE_{name.upper()}": address for name, address in addresses.items()}
    child = subprocess.Popen([sys.executable, "-m", "gateway"], env={**os.environ, **settings})
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(url), seconds=30)
        yield child, url
    finally:
        child.kill()
        child.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez").is_success
    except httpx.HTTPError:
        return False


def test_a_gateway_that_ends_ends_its_streams_and_does_not_wait_for_them(
    process: tuple["subprocess.Popen[bytes]", str], world: World
) -> None:
    child, url = process
    with httpx.stream("GET", f"{url}/api/v1/events", headers=world.headers(), timeout=30) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        began = time.monotonic()
        child.send_signal(signal.SIGTERM)
        rest = list(lines)
    assert "event: resync" in rest, "the page fetches everything from whoever answers next"
    assert child.wait(GRACE * 2) == 0
    assert time.monotonic() - began < GRACE / 2, "nobody had to be killed"


def test_a_gateway_that_ends_answers_on_kept_connections_and_closes_them_with_the_answer(
    process: tuple["subprocess.Popen[bytes]", str], world: World
) -> None:
    child, url = process
    with httpx.Client(base_url=url, headers=world.headers()) as client:
        assert "connection" not in client.get("/api/v1/tickets").headers
        child.send_signal(signal.SIGTERM)

        def closing() -> bool:
            answer = client.get("/api/v1/tickets")
            assert answer.status_code == 200
            return answer.headers.get("connection") == "close"

        eventually(closing, seconds=FAREWELL)
    assert child.wait(GRACE * 2) == 0
