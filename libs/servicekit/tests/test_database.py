"""Connections of the pool that were cut off, by a restart of the server for one."""

import pytest
from sqlalchemy import Integer, column, event, table, text
from sqlalchemy.exc import DBAPIError, OperationalError

from servicekit.database import Database
from servicekit.testing import MakeDatabase

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database("sample")


def pid(database: Database) -> int:
    with database.transaction() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def pids_of_two(database: Database) -> set[int]:
    with database.transaction() as one, database.transaction() as other:
        return {int(each.execute(text("SELECT pg_backend_pid()")).scalar_one()) for each in (one, other)}


def cut_all(database: Database) -> None:
    with database.direct() as connection:
        connection.execute(CUT)


def test_connections_that_were_cut_while_they_rested_fail_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.database.PING_AFTER_SECONDS", 0.0)
    before = pids_of_two(database)
    cut_all(database)
    assert not before & pids_of_two(database)


def test_one_that_was_cut_between_two_uses_fails_its_user_and_nobody_after(database: Database) -> None:
    before = pids_of_two(database)
    cut_all(database)
    with pytest.raises(OperationalError):
        pid(database)
    assert not before & pids_of_two(database)


def test_many_rows_are_one_statement_so_that_nobody_stops_in_the_midst_of_them(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE few (number int) ON COMMIT DROP"))
        few = table("few", column("number", Integer))
        seen: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda _, cursor, statement, *more: seen.append(statement))
        connection.execute(few.insert(), [{"number": 1}, {"number": 2}, {"number": 3}])
        assert len(seen) == 1
        assert connection.scalars(text("SELECT number FROM few")).all() == [1, 2, 3]
        with pytest.raises(RuntimeError, match="one statement for all rows"):
            connection.execute(
                text("UPDATE few SET number = :a WHERE number = :b"), [{"a": 4, "b": 1}, {"a": 5, "b": 2}]
            )


def test_one_in_constant_use_is_not_asked_each_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(database.engine.dialect, "do_ping", asked.append)
    assert len({pid(database) for _ in range(20)}) == 1
    assert not asked


def test_a_process_that_stops_within_a_transaction_does_not_keep_its_locks(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = text("SELECT pg_advisory_xact_lock(1)")
    monkeypatch.setattr("servicekit.database.IDLE_TIMEOUT_MS", 300)
    database = Database(make_database("sample").url)

    with database.engine.connect() as stopped:
        stopped.execute(lock)
        with database.transaction() as waiting:
            waiting.execute(lock)
        with pytest.raises(DBAPIError):
            stopped.execute(lock)
    assert len(pids_of_two(database)) == 2
    database.close()
