"""Everything in one process: one embedded PostgreSQL with a database per service, events straight into inboxes."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import gateway.config
import gateway.main
import mail.config
import mail.main
import publisher.config
import publisher.main
import routing.config
import routing.main
import ticket.config
import ticket.main
from all_in_one import banner, outbox
from all_in_one.demo import filling
from all_in_one.environment import OWNERS, environment, migrate_all, taken, told_settings
from all_in_one.starting import claimed
from gateway.serving import uvicorn_server
from localservers.postgres import postgres
from servicekit import telemetry, watch
from servicekit.cli import event_loops
from servicekit.config import Settings
from servicekit.database import Database
from servicekit.events.direct import DirectDelivery
from servicekit.events.envelope import Envelope
from servicekit.process import Loop, Service, api, run_threads


def run(data: Path) -> int:
    """Until Ctrl-C. Gives the exit status."""
    data.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        stack.enter_context(claimed(data, "Ctrl-C in its terminal"))
        log = stack.enter_context((data / "guiche.log").open("a", buffering=1))
        server = stack.enter_context(postgres(data / "postgres"))
        sockets = stack.enter_context(TemporaryDirectory(prefix="guiche-"))
        addresses = {owner: f"unix:{sockets}/{owner}" for owner in OWNERS}
        os.environ.update(environment(data, server, addresses))
        settings = Settings()
        telemetry.start("all-in-one", settings.otlp_endpoint, settings.log_level, log)
        migrate_all(dict(os.environ))
        stack.enter_context(told_settings(data, os.environ))
        errors = serve(settings, stop, data)
    return 1 if errors else 0


def services() -> list[Service]:
    """All of them: the visible list."""
    return [
        ticket.main.build(ticket.config.TicketSettings()),
        routing.main.build(routing.config.RoutingSettings()),
        mail.main.build(mail.config.MailSettings()),
        publisher.main.build(publisher.config.PublisherSettings()),
    ]


def serve(settings: Settings, stop: threading.Event, data: Path) -> list[BaseException]:
    built = services()
    edge = gateway.config.Settings()
    app = gateway.main.build(edge, outbox.pages_where_needed(mail.config.MailSettings()))
    databases = {service.name: service.database for service in built}

    def tap(envelope: Envelope) -> None:
        app.hub.publish(envelope.type, envelope.payload, envelope.traceparent)

    def loops_of(service: Service) -> list[Loop]:
        own = [loop for process in service.loops.values() for loop in process]
        return [api(service), *event_loops(service, DirectDelivery(databases, taps=[tap])), *own]

    def ready() -> bool:
        return all(database.ready() for database in databases.values())

    with ExitStack() as stack:
        for service in built:
            stack.callback(service.database.close)
            for close in service.closing:
                stack.callback(close)
        stack.callback(app.close)
        stack.enter_context(watch.serve(settings, ready))
        stack.enter_context(http(app, edge, stop))
        loops = [loop for service in built for loop in loops_of(service)]
        greeting = greeter(databases, edge.port, data)
        return run_threads("all-in-one", [*loops, greeting], stop)


@contextmanager
def http(app: gateway.main.App, edge: gateway.config.Settings, stop: threading.Event) -> Iterator[None]:
    server = uvicorn_server(app, edge.host, edge.port)

    def run() -> None:
        server.run()
        stop.set()

    thread = threading.Thread(target=run, name="http")
    thread.start()
    try:
        yield
    finally:
        app.leave()
        server.should_exit = True
        thread.join()


def greeter(databases: dict[str, Database], port: int, data: Path) -> Loop:
    """Fills an empty house with the demo, then says where everything is."""

    def greet(stop: threading.Event) -> None:
        smtp_port = int(os.environ["GUICHE_SMTP_PORT"])
        while not (taken(port) and taken(smtp_port)) and not stop.wait(0.05):
            pass
        if not stop.is_set():
            filling.fill(databases["routing"], databases["mail"], f"http://127.0.0.1:{port}", smtp_port)
            banner.show(port, smtp_port, data / "guiche.log", outbox.shown())
            stop.wait()
            banner.stopping()

    return greet
