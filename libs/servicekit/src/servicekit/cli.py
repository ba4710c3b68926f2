"""`python -m <service> …`: the same commands for every service, and a place for its own."""

import argparse
from collections.abc import Callable, Sequence
from typing import TypeVar

from servicekit import telemetry
from servicekit.config import Settings, read
from servicekit.database import Database
from servicekit.events import commands
from servicekit.events.inbox import inbox_worker
from servicekit.events.rabbitmq import RabbitDelivery, consumer
from servicekit.events.relay import Delivery, relay
from servicekit.process import Loop, Service, api, run

S = TypeVar("S", bound=Settings)
Commands = Callable[["argparse._SubParsersAction[argparse.ArgumentParser]"], None]


def event_loops(service: Service, delivery: Delivery) -> list[Loop]:
    """What forwards a service's events and handles those it has received, whichever way they come."""
    loops: list[Loop] = [relay(service.database, service.name, delivery)]
    if service.consumes:
        loops.append(inbox_worker(service.database, service.name, service.consumes))
    return loops


def over_rabbitmq(service: Service) -> list[Loop]:
    url = service.settings.rabbitmq_url
    loops = event_loops(service, RabbitDelivery(url))
    if service.consumes:
        loops.append(consumer(url, service.name, service.database))
    return loops


def main(
    package: str,
    settings_type: Callable[[], S],
    database_url: Callable[[S], str],
    build: Callable[[S], Service],
    processes: Sequence[str] = (),
    own: Commands | None = None,
    words: Sequence[str] | None = None,
) -> None:
    """processes: names in Service.loops that are processes of their own.

    own: adds further commands of the service; each sets `act`, called with (parsed words, settings).
    """
    parser = argparse.ArgumentParser(prog=f"python -m {package}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, help_text: str, act: Callable[[argparse.Namespace, S], None]) -> None:
        subparsers.add_parser(name, help=help_text).set_defaults(act=act)

    def started(settings: S) -> Service:
        telemetry.start(package, settings.otlp_endpoint, settings.log_level)
        return build(settings)

    add("migrate", "bring the database to this version", lambda _, s: bring_up(database_url(s), package))
    for name in ("api", "worker", *processes):
        add(name, f"run the {name} until told to stop", lambda asked, s: run_process(started(s), asked.command))
    commands.add_arguments(subparsers, lambda s: Database(database_url(s), pool=2), lambda s: build(s).republish)
    if own is not None:
        own(subparsers)
    asked = parser.parse_args(words)
    asked.act(asked, read(settings_type))


def bring_up(url: str, package: str) -> None:
    # Imported here: Alembic costs a third of a process's start, and no other command needs it.
    from servicekit.migrating import migrate  # noqa: PLC0415

    migrate(url, package)


def run_process(service: Service, name: str) -> None:
    """Runs one of a service's processes until it is told to stop."""
    own = list(service.loops.get(name, ()))
    if name == "api":
        own.append(api(service))
    elif name == "worker":
        own.extend(over_rabbitmq(service))
    run(service, own)
