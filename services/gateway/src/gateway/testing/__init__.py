"""For the gateway's tests: neighbours that keep the contracts, behind real gRPC servers, and the gateway on a port."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import uvicorn
from guiche.mail.v1 import message_service_pb2_grpc
from guiche.routing.v1 import directory_service_pb2_grpc, session_service_pb2_grpc
from guiche.ticket.v1 import service_type_service_pb2_grpc, ticket_service_pb2_grpc, verb_service_pb2_grpc

from gateway.config import Settings
from gateway.main import App, build
from gateway.serving import uvicorn_server
from gateway.testing.servicers import Directory, Messages, ServiceTypes, Sessions, Tickets, Verbs
from gateway.testing.world import ORGANIZATION, PNG, Call, TicketNotFound, World
from servicekit.rpc.server import make_server
from servicekit.tokens import Keys, load_keys

__all__ = [
    "ORGANIZATION",
    "PNG",
    "Call",
    "Running",
    "TicketNotFound",
    "World",
    "keys_in",
    "neighbours",
    "serving",
    "settings_for",
]


@contextmanager
def neighbours(world: World) -> Iterator[dict[str, str]]:
    """Their addresses, by setting."""
    verbs: Any = Verbs(world)
    added: dict[str, list[Callable[[grpc.Server], None]]] = {
        "ticket": [
            lambda s: ticket_service_pb2_grpc.add_TicketServiceServicer_to_server(Tickets(world), s),
            lambda s: verb_service_pb2_grpc.add_VerbServiceServicer_to_server(verbs, s),
            lambda s: service_type_service_pb2_grpc.add_ServiceTypeServiceServicer_to_server(ServiceTypes(world), s),
        ],
        "mail": [lambda s: message_service_pb2_grpc.add_MessageServiceServicer_to_server(Messages(world), s)],
        "routing": [
            lambda s: directory_service_pb2_grpc.add_DirectoryServiceServicer_to_server(Directory(world), s),
            lambda s: session_service_pb2_grpc.add_SessionServiceServicer_to_server(Sessions(world), s),
        ],
    }
    with ExitStack() as stack:
        addresses = {}
        for name, servicers in added.items():
            server, port = make_server(world.keys(name), "127.0.0.1:0", servicers)
            server.start()
            stack.callback(stop, server)
            addresses[f"{name}_address"] = f"127.0.0.1:{port}"
        yield addresses


def stop(server: grpc.Server) -> None:
    server.stop(grace=None).wait()


@dataclass(frozen=True)
class Running:
    url: str
    app: App


@contextmanager
def serving(settings: Settings, **more: Any) -> Iterator[Running]:
    """The gateway on a free port, by uvicorn in a thread."""
    app = build(settings, **more)
    server = uvicorn_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, name="gateway")
    thread.start()
    try:
        yield Running(f"http://127.0.0.1:{port_of(server)}", app)
    finally:
        app.leave()
        server.should_exit = True
        thread.join()
        app.close()


def port_of(server: uvicorn.Server, seconds: float = 10.0) -> int:
    deadline = time.monotonic() + seconds
    while not server.started:
        assert time.monotonic() < deadline, "the gateway did not start"
        time.sleep(0.005)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


def settings_for(folder: Path, **values: Any) -> Settings:
    return Settings(keys=folder, web_dist=folder / "no-dist", **values)


def keys_in(folder: Path) -> Callable[[str], Keys]:
    return lambda service: load_keys(folder, service)
