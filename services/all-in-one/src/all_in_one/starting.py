"""What is looked at before anything is started, so that it is told in a line and not in the middle of a start."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

import gateway.config
from all_in_one.environment import PORTS, taken
from localservers.processes import ServerFailed
from mail.config import MailSettings
from publisher.config import PublisherSettings
from routing.config import RoutingSettings
from servicekit.config import KnownPort, mistakes
from ticket.config import TicketSettings

# In the data folder: locked by the process that runs on it, with the port it answers at and how it is stopped.
FILE = "running.json"
LOCK_SECONDS = 1.0


class HouseSettings(BaseSettings):
    """What one machine's Guichê must know besides its services."""

    model_config = SettingsConfigDict(env_prefix="GUICHE_", frozen=True)

    port: KnownPort = 8080
    smtp_port: KnownPort = 2525
    first_watch_port: KnownPort = 9101


KINDS: tuple[type[BaseSettings], ...] = (
    HouseSettings,
    TicketSettings,
    RoutingSettings,
    MailSettings,
    PublisherSettings,
    gateway.config.Settings,
)


def wrong_settings() -> list[str]:
    """A line for each that the caller's environment sets wrongly; what it does not set is given by us."""
    found: dict[str, str] = {}
    for kind in KINDS:
        try:
            kind()
        except ValidationError as error:
            for line in mistakes(error, missing=False):
                # Several services may know a variable: what the machine asks of it is said first.
                found.setdefault(line.partition(" ")[0], line)
    return list(found.values())


def taken_ports(target: str) -> list[str]:
    wanted = {name: int(os.environ.get(name, default)) for name, default in PORTS.items()}
    return [
        f"Port {port} is in use. Choose another: make {target} {name}=…" for name, port in wanted.items() if taken(port)
    ]


@contextmanager
def claimed(data: Path, stop: str) -> Iterator[None]:
    """For as long as this process runs on the folder. stop: what stops it. Raises ServerFailed.

    By lockf, which, unlike flock, no child inherits: one that outlives this process claims nothing.
    """
    with (data / FILE).open("a+") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while not locked(file, fcntl.LOCK_EX):
            # Whoever looks holds it for a moment.
            if time.monotonic() > deadline:
                raise ServerFailed(already_running(data) or f"{data} is in use.")
            time.sleep(0.02)
        file.truncate(0)
        json.dump({"port": int(os.environ.get("GUICHE_PORT", PORTS["GUICHE_PORT"])), "stop": stop}, file)
        file.flush()
        yield


def already_running(data: Path) -> str:
    """What there is to say where Guichê runs on the folder; else nothing."""
    try:
        file = (data / FILE).open()
    except FileNotFoundError:
        return ""
    with file:
        if locked(file, fcntl.LOCK_SH):
            return ""
        told: dict[str, Any] = json.loads(file.read() or "{}")
    where = f": http://localhost:{told['port']}. {told['stop']} stops it." if told else "."
    return f"Guichê already runs on {data}{where}"


def locked(file: Any, how: int) -> bool:
    try:
        fcntl.lockf(file, how | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
