from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection
from ticket_support import Calls, Clock, Company, found_company

from servicekit.database import Database
from servicekit.rpc.client import Peer
from servicekit.rpc.server import make_server
from servicekit.testing import MakeDatabase, rolled_back
from servicekit.tokens import Keys
from ticket.api import TicketApi, add_to


@pytest.fixture
def connection(shared_database: Callable[[str], Database]) -> Iterator[Connection]:
    yield from rolled_back(shared_database("ticket"))


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database("ticket")


@pytest.fixture
def company(database: Database) -> Company:
    with database.transaction() as connection:
        return found_company(connection)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calls(database: Database, keys_of: Callable[[str], Keys], clock: Clock) -> Iterator[Calls]:
    server, port = make_server(
        keys_of("ticket"), "127.0.0.1:0", [add_to(TicketApi(database, keys_of("ticket"), clock))]
    )
    server.start()
    peers = [Peer(keys_of(name), "ticket", f"127.0.0.1:{port}") for name in ("gateway", "routing")]
    yield Calls(*peers)
    for peer in peers:
        peer.close()
    server.stop(grace=None).wait()
