from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection
from ticket_support import Calls, Clock, Company, found_company, serving

from servicekit.database import Database
from servicekit.ids import new_id
from servicekit.testing import MakeDatabase, rolled_back
from servicekit.tokens import Keys


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
    with serving(database, keys_of, clock) as calls:
        yield calls


@pytest.fixture
def conversation() -> str:
    return str(new_id())


@pytest.fixture
def ticket_id(calls: Calls, company: Company, conversation: str) -> str:
    """Of the conversation, started by Ana."""
    (opened,) = calls.open(company, company.n1, conversation_id=conversation)
    calls.start(company.ana, opened)
    return opened
