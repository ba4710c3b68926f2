"""Servers that end and come back while they are called, as in every release."""

import threading
from collections.abc import Callable
from uuid import uuid4

import grpc
from guiche.ticket.v1 import ticket_service_pb2 as ticket_pb2
from guiche.ticket.v1 import ticket_service_pb2_grpc as ticket_grpc

from servicekit.errors import Failure
from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer
from servicekit.rpc.server import make_server
from servicekit.testing import eventually
from servicekit.tokens import Keys

ATTENDANT = Attendant(str(uuid4()), str(uuid4()))
RESTARTS = 8
CALLERS = 6


class Tickets(ticket_grpc.TicketServiceServicer):
    def __init__(self) -> None:
        self.calls = 0

    def ListTickets(
        self, request: ticket_pb2.ListTicketsRequest, context: grpc.ServicerContext
    ) -> ticket_pb2.ListTicketsResponse:
        self.calls += 1
        return ticket_pb2.ListTicketsResponse()


class Replica:
    def __init__(self, keys: Keys) -> None:
        self.keys, self.port = keys, 0
        self.start()

    def start(self) -> None:
        self.tickets = Tickets()  # type: ignore[abstract]  # the calls made here suffice
        add = [lambda server: ticket_grpc.add_TicketServiceServicer_to_server(self.tickets, server)]
        self.server, self.port = make_server(self.keys, f"127.0.0.1:{self.port}", add)
        self.server.start()

    def stop(self) -> None:
        # As servicekit.process.api does.
        self.server.stop(grace=10).wait()


def test_calls_go_on_while_one_of_two_replicas_restarts_again_and_again(keys_of: Callable[[str], Keys]) -> None:
    kept, restarted = Replica(keys_of("ticket")), Replica(keys_of("ticket"))
    ended, failures = threading.Event(), list[str]()

    def call() -> None:
        peer = Peer(keys_of("gateway"), "ticket", f"ipv4:127.0.0.1:{kept.port},127.0.0.1:{restarted.port}")
        stub = ticket_grpc.TicketServiceStub(peer.channel)
        while not ended.is_set():
            try:
                peer.call(stub.ListTickets, ticket_pb2.ListTicketsRequest(), ATTENDANT)
            except Failure as failure:
                failures.append(f"{failure.code.name} {failure}")
        peer.close()

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for _ in range(RESTARTS):
        eventually(lambda: restarted.tickets.calls > CALLERS, seconds=30)
        restarted.stop()
        restarted.start()
    ended.set()
    for caller in callers:
        caller.join()
    for replica in (kept, restarted):
        replica.stop()
    assert failures == []
