from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

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


@dataclass(frozen=True)
class Event:
    name: str
    data: str
    id: str


class Listener:
    def __init__(self, response: httpx.Response) -> None:
        self.lines = response.iter_lines()
        self.last_id = ""
        self.greeting = self.block()

    def block(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for line in self.lines:
            if not line:
                break
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        self.last_id = fields.get("id", self.last_id)
        return fields

    def next(self, skip: tuple[str, ...] = ("counts",)) -> Event:
        while True:
            fields = self.block()
            if "event" in fields and fields["event"] not in skip:
                return Event(fields["event"], fields["data"], fields.get("id", ""))
            assert fields, "the stream ended"

    def ended(self) -> bool:
        return not self.block()


@pytest.fixture
def listen(gateway: Running, world: World) -> Callable[..., AbstractContextManager[Listener]]:
    """A stream of somebody who may see what has one of these keys."""

    @contextmanager
    def connect(keys: list[str], attendant: str = "", last_id: str = "", token: str = "") -> Iterator[Listener]:
        attendant = attendant or str(uuid4())
        world.audience[attendant] = keys
        headers = {"Authorization": f"Bearer {token or world.token(attendant)}", "Last-Event-ID": last_id}
        with (
            httpx.Client(base_url=gateway.url, timeout=10, trust_env=False) as client,
            client.stream("GET", "/api/v1/events", headers=headers) as response,
        ):
            assert response.status_code == 200
            assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            yield Listener(response)

    return connect
