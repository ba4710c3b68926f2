from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.testing import Running, World, keys_in, neighbours, serving, settings_for
from servicekit.tokens import make_keys


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    return folder


@pytest.fixture(scope="session")
def shared_world(keys_folder: Path) -> World:
    return World(keys_in(keys_folder))


@pytest.fixture(scope="session")
def addresses(shared_world: World) -> Iterator[dict[str, str]]:
    with neighbours(shared_world) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def shared_gateway(keys_folder: Path, addresses: dict[str, str]) -> Iterator[Running]:
    with serving(settings_for(keys_folder, address_rate=0, attendant_rate=0, **addresses)) as running:
        yield running


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    yield shared_world
    shared_world.reset()


@pytest.fixture
def gateway(shared_gateway: Running, world: World) -> Running:
    return shared_gateway


@pytest.fixture
def client(gateway: Running) -> Iterator[httpx.Client]:
    """Nobody: headers say who asks."""
    with httpx.Client(base_url=gateway.url, timeout=10, trust_env=False) as client:
        yield client
