"""The whole system on real parts, as `make up` runs it, seen only from outside: HTTP, SMTP, a browser, signals."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from correspondent import Correspondent
from e2e_support import Browser, Collector, System, serving
from playwright.sync_api import sync_playwright

from all_in_one.environment import free_ports, free_range
from all_in_one.up import PROCESSES
from localservers.browser import chromium
from localservers.rabbitmq import RabbitMQ, rabbitmq
from servicekit.testing import eventually

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """Of the system, in the tests' hands, so that they can take it away."""
    with rabbitmq(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="session")
def installation() -> dict[str, Any] | None:
    """What GUICHE_E2E_INSTALLATION, a file as up.json, says of a system that runs already; tests that look into its
    processes need one of their own. `relay` in it: where that system hands its mails over, [host, port]."""
    file = os.environ.get("GUICHE_E2E_INSTALLATION")
    return json.loads(Path(file).read_text()) if file else None


@pytest.fixture(scope="session")
def customers_server(installation: dict[str, Any] | None) -> Iterator[Correspondent]:
    """Where everything goes that the system sends."""
    with Correspondent(*(installation["relay"] if installation else ())) as running:
        yield running


@pytest.fixture(scope="session")
def system(request: pytest.FixtureRequest, installation: dict[str, Any] | None) -> Iterator[System]:
    if installation:
        yield System(Path(), installation)
    else:
        with started_here(*map(request.getfixturevalue, ("data", "collector", "broker", "customers_server"))) as own:
            yield own


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guiche")


@contextmanager
def started_here(
    data: Path, collector: Collector, broker: RabbitMQ, customers_server: Correspondent
) -> Iterator[System]:
    port, smtp_port = free_ports(2)
    environment = {
        **os.environ,
        "GUICHE_DATA": str(data),
        "GUICHE_PORT": str(port),
        "GUICHE_SMTP_PORT": str(smtp_port),
        "GUICHE_FIRST_WATCH_PORT": str(free_range(len(PROCESSES))),
        "GUICHE_RABBITMQ_URL": broker.url,
        "GUICHE_SMTP_RELAY": customers_server.address,
        "GUICHE_CRASH_FILE": str(data / "crash"),
        "GUICHE_OTLP_ENDPOINT": collector.address,
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    with serving(data, environment) as system:
        yield system


@pytest.fixture(autouse=True)
def answering(system: System) -> None:
    """A test may leave killed processes behind, whose successors are still on their way."""
    eventually(system.answers, seconds=60)


@pytest.fixture(scope="session")
def chromium_browser() -> Iterator[object]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium()), args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium_browser: object, system: System) -> Iterator[Browser]:
    opened = Browser(chromium_browser, system)
    yield opened
    opened.close()
