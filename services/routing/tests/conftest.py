from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import routing_neighbours as fakes
from guiche.routing.v1.directory_service_pb2_grpc import DirectoryServiceStub
from guiche.routing.v1.session_service_pb2_grpc import SessionServiceStub
from routing_support import ACCOUNT, House, build_house
from sqlalchemy import Connection

from routing import api
from routing.config import RoutingSettings
from routing.handlers import rules
from routing.handlers.passwords import Passwords
from routing.neighbours import Neighbours
from servicekit.database import Database
from servicekit.rpc.client import Peer
from servicekit.rpc.server import Pool, make_server
from servicekit.testing import MakeDatabase, rolled_back
from servicekit.tokens import Keys


@pytest.fixture(scope="session")
def passwords() -> Passwords:
    """With the least work argon2 allows, since what is tested is not how slow it is."""
    return Passwords(memory_kib=8, passes=1)


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database("routing")


@pytest.fixture
def house(database: Database, passwords: Passwords) -> House:
    with database.transaction() as connection:
        return build_house(connection, passwords)


@pytest.fixture
def connection(shared_database: Callable[[str], Database]) -> Iterator[Connection]:
    yield from rolled_back(shared_database("routing"))


@pytest.fixture
def settings(keys_folder: Path, database: Database) -> RoutingSettings:
    return RoutingSettings(keys=keys_folder, routing_database_url=database.url)


@pytest.fixture
def gateway(
    database: Database, keys_of: Callable[[str], Keys], passwords: Passwords, settings: RoutingSettings
) -> Iterator[Peer]:
    """The service on a database of its own, and the gateway as its caller."""
    keys = keys_of("routing")
    servicers = api.servicers(database, keys, passwords, settings)
    server, port = make_server(keys, "127.0.0.1:0", servicers, Pool(24))
    server.start()
    peer = Peer(keys_of("gateway"), "routing", f"127.0.0.1:{port}")
    yield peer
    peer.close()
    server.stop(grace=None).wait()


@pytest.fixture
def session_stub(gateway: Peer) -> SessionServiceStub:
    return SessionServiceStub(gateway.channel)


@pytest.fixture
def directory_stub(gateway: Peer) -> DirectoryServiceStub:
    return DirectoryServiceStub(gateway.channel)


@pytest.fixture
def publisher() -> fakes.Publisher:
    return fakes.Publisher()


@pytest.fixture
def ticket() -> fakes.Ticket:
    return fakes.Ticket()  # type: ignore[abstract]  # routing calls one method only


@pytest.fixture
def places(
    publisher: fakes.Publisher, ticket: fakes.Ticket, keys_of: Callable[[str], Keys]
) -> Iterator[dict[str, fakes.Place]]:
    """Where the neighbours are, so that they can go away."""
    with ExitStack() as stack:
        found = {
            "publisher": fakes.Place(keys_of("publisher"), publisher),
            "ticket": fakes.Place(keys_of("ticket"), ticket),
        }
        for place in found.values():
            place.start()
            stack.callback(place.stop)
        yield found


@pytest.fixture
def neighbours(places: dict[str, fakes.Place], keys_of: Callable[[str], Keys]) -> Iterator[Neighbours]:
    keys = keys_of("routing")
    peers = [Peer(keys, name, places[name].address) for name in ("publisher", "ticket")]
    found = Neighbours(*peers)
    yield found
    found.close()


@pytest.fixture
def rule(database: Database, house: House) -> None:
    with database.transaction() as connection:
        rules.add_rule(connection, house.organization, ACCOUNT, house.n1, "HIGH")
