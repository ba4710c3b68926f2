from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from servicekit.checking import Look
from servicekit.ids import new_id

MINUTE = timedelta(minutes=1)


@pytest.fixture
def look() -> Iterator[Look]:
    made = Look("postgresql+psycopg://nobody@127.0.0.1:1/nothing", MINUTE)
    yield made
    made.close()


def test_what_is_younger_than_the_grace_is_young_by_its_time_or_its_id(look: Look) -> None:
    now = datetime.now(UTC)
    assert look.young(None, now)
    assert look.young(now - 2 * MINUTE, new_id())
    assert not look.young(now - 2 * MINUTE, None)


def test_what_claims_to_come_from_the_future_is_not_young_until_then(look: Look) -> None:
    assert not look.young(datetime.now(UTC) + MINUTE)


@pytest.mark.parametrize("id", [UUID(int=0), UUID(int=2**128 - 1), UUID("ffffffff-ffff-4fff-8fff-ffffffffffff")])
def test_an_id_that_tells_no_time_is_not_young_and_ends_nothing(look: Look, id: UUID) -> None:
    assert not look.young(id)
