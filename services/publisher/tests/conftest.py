from collections.abc import Callable, Iterator

import pytest
from guiche.publisher.v1.publisher_service_pb2_grpc import PublisherServiceStub
from sqlalchemy import Connection

from publisher import api
from servicekit.database import Database
from servicekit.rpc.client import Peer
from servicekit.rpc.server import make_server
from servicekit.testing import MakeDatabase, rolled_back
from servicekit.tokens import Keys


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database("publisher")


@pytest.fixture
def connection(shared_database: Callable[[str], Database]) -> Iterator[Connection]:
    yield from rolled_back(shared_database("publisher"))


@pytest.fixture
def address(database: Database, keys_of: Callable[[str], Keys]) -> Iterator[str]:
    """Where the service answers, on a database of its own."""
    server, port = make_server(keys_of("publisher"), "127.0.0.1:0", [api.servicer(database)])
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(grace=None).wait()


@pytest.fixture
def peer(address: str, keys_of: Callable[[str], Keys]) -> Iterator[Peer]:
    """Routing, as the service's caller."""
    peer = Peer(keys_of("routing"), "publisher", address)
    yield peer
    peer.close()


@pytest.fixture
def stub(peer: Peer) -> PublisherServiceStub:
    return PublisherServiceStub(peer.channel)
