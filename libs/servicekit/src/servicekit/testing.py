"""Fixtures for the tests of services: `pytest_plugins = ["localservers.fixtures", "servicekit.testing"]`.

A handler test takes a connection whose transaction is rolled back; a test whose point is the commit takes a database of
its own, cloned from a migrated template.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import pytest
from sqlalchemy import Connection

from servicekit.database import Database
from servicekit.migrating import migrate
from servicekit.tokens import Keys, load_keys, make_keys

if TYPE_CHECKING:
    from localservers.postgres import Postgres

MakeDatabase = Callable[[str], Database]
T = TypeVar("T")


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    return folder


@pytest.fixture(scope="session")
def keys_of(keys_folder: Path) -> Callable[[str], Keys]:
    return lambda service: load_keys(keys_folder, service)


@pytest.fixture(scope="session")
def template(postgres_server: "Postgres") -> Callable[[str], str]:
    """The name of a migrated database of a service's package, to be cloned and never written to."""
    made: dict[str, str] = {}

    def make(package: str) -> str:
        if package not in made:
            made[package] = f"template_{package}_{uuid4().hex[:8]}"
            migrate(postgres_server.database(made[package]), package)
        return made[package]

    return make


@pytest.fixture
def make_database(postgres_server: "Postgres", template: Callable[[str], str]) -> Iterator[MakeDatabase]:
    """Databases of this test alone, by package; dropped at its end."""
    from localservers.postgres import drop, template_clone  # noqa: PLC0415  # a dependency of tests only

    with ExitStack() as stack:

        def make(package: str) -> Database:
            name = f"test_{package}_{uuid4().hex[:12]}"
            database = Database(template_clone(postgres_server, template(package), name), pool=4)
            stack.callback(drop, postgres_server, name)
            stack.callback(database.close)
            return database

        yield make


@pytest.fixture(scope="session")
def shared_database(postgres_server: "Postgres", template: Callable[[str], str]) -> Iterator[Callable[[str], Database]]:
    """One database per package for all tests of the run that only work within rolled-back transactions."""
    with ExitStack() as stack:
        made: dict[str, Database] = {}

        def make(package: str) -> Database:
            from localservers.postgres import template_clone  # noqa: PLC0415  # a dependency of tests only

            if package not in made:
                url = template_clone(postgres_server, template(package), f"shared_{package}_{uuid4().hex[:8]}")
                made[package] = Database(url, pool=2)
                stack.callback(made[package].close)
            return made[package]

        yield make


def rolled_back(database: Database) -> Iterator[Connection]:
    """The body of a service's `connection` fixture."""
    with database.engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()
        connection.info.pop("poked", None)


def eventually(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """The first true value of a condition, asked again and again until a deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            assert value, "what was waited for did not happen"
            return value
        time.sleep(0.02)
