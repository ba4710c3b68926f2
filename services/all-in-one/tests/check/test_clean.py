"""A house in order: nothing is found, and nothing is written."""

from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from all_in_one.check.checking import look_at
from all_in_one.check.promises import promises
from servicekit.checking import Look

# The house is built and lived in before the first of them, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(600)

# Queues: where all is in order, nothing waits in them.
EMPTY = {
    "Every accepted mail is ingested in time",
    "Every occurrence is routed in time",
    "No occurrence was given up",
    "What is to be sent is sent in time",
    "What happened here is told to everybody in time (outbox)",
    "What others told is handled in time (inbox)",
    "No event was given up",
    "A ticket whose waiting has run out comes back",
}


def test_a_house_in_order_keeps_all_its_promises(lived_in) -> None:
    assert lived_in.check() == {}


def test_every_promise_has_something_to_look_at_where_people_have_lived(lived_in) -> None:
    looks = {owner: Look(url, timedelta(0), page=1) for owner, url in lived_in.databases.items()}
    results = [look_at(promise) for promise in promises(lived_in.settings, looks, hashing=True)]
    for look in looks.values():
        look.close()
    assert not [(result.promise.words, result.unseen) for result in results if result.unseen]
    assert not [result.promise.words for result in results if result.broken], "also page by page"
    assert {result.promise.words for result in results if not result.looked_at} == EMPTY


def test_a_look_cannot_write(lived_in) -> None:
    look = Look(lived_in.databases["ticket"], timedelta(0))
    with pytest.raises(DBAPIError) as refused, look.snapshot() as connection:
        connection.execute(text("UPDATE tickets SET subject = ''"))
    assert isinstance(refused.value.orig, psycopg.errors.ReadOnlySqlTransaction)
    look.close()


def test_who_may_only_read_may_check(copied) -> None:
    house = copied("ticket", "routing", "mail", "publisher")
    for owner, url in house.databases.items():
        name = url.rpartition("/")[2]
        house.execute(
            owner,
            f"CREATE ROLE reader_{name} LOGIN PASSWORD 'r'",
            f"GRANT pg_read_all_data TO reader_{name}",
        )
        house.databases[owner] = url.replace(url.split("//")[1].split("@")[0], f"reader_{name}:r")
    try:
        assert house.check() == {}
    finally:
        admin = copied("ticket")
        for url in house.databases.values():
            admin.execute("ticket", f"DROP ROLE reader_{url.rpartition('/')[2]}")


def test_files_are_neither_written_nor_tidied_up(copied) -> None:
    house = copied(files=True)
    abandoned = house.files / ".new" / "1-abandoned"
    abandoned.write_bytes(b"x")
    before = {path: path.stat().st_mtime_ns for path in house.files.rglob("*")}
    assert house.check() == {}
    assert {path: path.stat().st_mtime_ns for path in house.files.rglob("*")} == before
