"""What a process of a service is: settings read, parts built, loops run until told to stop."""

import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from google.protobuf.message import Message
from sqlalchemy import Connection

from servicekit import watch
from servicekit.config import Settings
from servicekit.database import Database
from servicekit.rpc.server import AddServicer, Pool, end, make_server
from servicekit.telemetry import log
from servicekit.tokens import Keys

# Handles one event within the transaction that completes its inbox row. It may be given the same event twice.
EventHandler = Callable[[Connection, Message], None]
# Runs until the event is set; an exception ends the process, so that its supervisor starts it anew.
Loop = Callable[[threading.Event], None]


@dataclass(frozen=True)
class Service:
    """Everything a service is made of; its main.build() returns one. The lists are the wiring."""

    name: str
    settings: Settings
    # Where its API listens.
    address: str
    keys: Keys
    database: Database
    servicers: Sequence[AddServicer]
    # The events it cares about.
    consumes: Mapping[type[Message], EventHandler]
    # (aggregate id, state event) of everything others keep a projection of: for new projections and after restores.
    republish: Callable[[Connection], Iterable[tuple[str, Message]]] | None = None
    # Loops of its own by the process they belong to; the process "worker" also runs the loops of events.
    loops: Mapping[str, Sequence[Loop]] = field(default_factory=dict)
    # Closed at the end, in reverse order: channels, pools, stores.
    closing: Sequence[Callable[[], None]] = ()


def api(service: Service) -> Loop:
    """The loop of an API process: answers calls until told to stop, then finishes those under way."""

    def run(stop: threading.Event) -> None:
        pool = Pool()
        server, port = make_server(service.keys, service.address, service.servicers, pool)
        server.start()
        log(service.name).info("api_listening", address=service.address, port=port)
        stop.wait()
        end(server, pool)

    return run


def run(service: Service, loops: Sequence[Loop], stop: threading.Event | None = None) -> None:
    """Runs loops, one thread each, with the watch port beside them, until a signal or one of them ends."""
    stop = stop or stopping_on_signals()
    with ExitStack() as stack:
        stack.callback(service.database.close)
        for close in service.closing:
            stack.callback(close)
        port = stack.enter_context(watch.serve(service.settings, service.database.ready))
        log(service.name).info("watching", port=port)
        errors = run_threads(service.name, loops, stop)
    if errors:
        raise SystemExit(1)


def run_threads(name: str, loops: Sequence[Loop], stop: threading.Event) -> list[BaseException]:
    errors: list[BaseException] = []

    def guarded(loop: Loop) -> None:
        try:
            loop(stop)
        except Exception as error:
            errors.append(error)
            log(name).exception("loop_failed")
        finally:
            stop.set()

    threads = [threading.Thread(target=guarded, args=(loop,), name=f"{name}-{n}") for n, loop in enumerate(loops)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def stopping_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
