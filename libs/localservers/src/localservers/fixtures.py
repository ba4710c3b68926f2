"""Fixtures with real servers: `pytest_plugins = ["localservers.fixtures"]` in the topmost conftest.

One server of a kind serves all workers of a run; it starts when the first test asks for it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from localservers.keeper import kept_postgres, kept_rabbitmq, stop_kept
from localservers.postgres import Postgres
from localservers.rabbitmq import RabbitMQ


@pytest.fixture(scope="session")
def postgres_server() -> Postgres:
    """A server that forgets when the machine crashes; or the one at GUICHE_TEST_POSTGRES_URL, of a superuser."""
    given = os.environ.get("GUICHE_TEST_POSTGRES_URL")
    return Postgres(url=given, data=Path(), pid=0) if given else kept_postgres(_owner())


@pytest.fixture(scope="session")
def rabbitmq_server() -> RabbitMQ:
    """Shared with tests that run at the same time: a test that takes the broker away starts its own `rabbitmq(…)`."""
    return kept_rabbitmq(_owner())


@pytest.fixture
def amqp_url(rabbitmq_server: RabbitMQ) -> Iterator[str]:
    """A virtual host of this test alone."""
    name = f"test-{uuid4()}"
    yield rabbitmq_server.vhost(name)
    rabbitmq_server.delete_vhost(name)


def pytest_unconfigure() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        stop_kept(os.getpid())


def _owner() -> int:
    """The process that lives as long as the run: xdist's workers are children of its controller."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
