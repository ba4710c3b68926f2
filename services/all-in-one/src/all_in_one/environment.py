"""The settings of every service on one machine, as environment variables: the same for one process and for many."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from servicekit.migrating import migrate
from servicekit.tokens import make_keys

if TYPE_CHECKING:
    # Where the checker runs alone there are no servers of ours.
    from localservers.postgres import Postgres

# Services that own a database, in the order in which they are listed everywhere.
OWNERS = ("ticket", "routing", "mail", "publisher")
PORTS = {"GUICHE_PORT": "8080", "GUICHE_SMTP_PORT": "2525"}
# In the data folder: the settings of what runs on it, for the checker.
SETTINGS_FILE = "settings.json"


def data_folder() -> Path:
    return Path(os.environ.get("GUICHE_DATA", ".guiche")).resolve()


def environment(data: Path, server: "Postgres", addresses: dict[str, str], rabbitmq_url: str = "") -> dict[str, str]:
    """addresses: gRPC target of each owner. What the caller's environment sets already, it keeps."""
    make_keys(data / "keys")
    files = data / "files"
    files.mkdir(parents=True, exist_ok=True)
    given = {
        "GUICHE_KEYS": str(data / "keys"),
        "GUICHE_RABBITMQ_URL": rabbitmq_url,
        "GUICHE_MAIL_FILES_URL": files.as_uri(),
        # Where mails go as long as GUICHE_SMTP_RELAY names no server.
        "GUICHE_MAIL_OUTBOX": str(data / "outbox"),
        # Servers are started in a checkout alone.
        "GUICHE_WEB_DIST": str(Path(__file__).parents[4] / "web" / "dist"),
        "GUICHE_HOST": "127.0.0.1",
        **PORTS,
        **{f"GUICHE_{owner.upper()}_ADDRESS": addresses[owner] for owner in OWNERS},
        **{f"GUICHE_{owner.upper()}_DATABASE_URL": server.database(f"guiche_{owner}") for owner in OWNERS},
    }
    return {name: os.environ.get(name, value) for name, value in given.items()}


def tell_settings(data: Path, settings: Mapping[str, str]) -> None:
    """Passwords are in them, so for whoever owns the folder alone."""
    own = {name: value for name, value in settings.items() if name.startswith("GUICHE_")}
    partial = data / f"{SETTINGS_FILE}.partial"
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(own, indent=1))
    partial.rename(data / SETTINGS_FILE)


@contextmanager
def told_settings(data: Path, settings: Mapping[str, str]) -> Iterator[None]:
    """For as long as something runs by them."""
    tell_settings(data, settings)
    try:
        yield
    finally:
        (data / SETTINGS_FILE).unlink(missing_ok=True)


def migrate_all(settings: dict[str, str]) -> None:
    for owner in OWNERS:
        migrate(settings[f"GUICHE_{owner.upper()}_DATABASE_URL"], owner)


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def free_range(count: int) -> int:
    """The first of so many ports in a row that were free a moment ago."""
    while True:
        (first,) = free_ports(1)
        if first + count < 65536 and all(is_free(port) for port in range(first, first + count)):
            return first


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
