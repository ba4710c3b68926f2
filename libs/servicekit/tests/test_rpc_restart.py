"""Servers that end and come back while they are called, as in every release."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from guiche.ticket.v1 import ticket_service_pb2 as ticket_pb2
from guiche.ticket.v1 import ticket_service_pb2_grpc as ticket_grpc

from servicekit.errors import Failure
from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer
from servicekit.rpc.server import GRACE, LAST_WORDS, Pool, end, make_server
from servicekit.testing import eventually
from servicekit.tokens import Keys

ATTENDANT = Attendant(str(uuid4()), str(uuid4()))
RESTARTS = 8
CALLERS = 6


class Tickets(ticket_grpc.TicketServiceServicer):
    """Answers at once, but for a page token, which it works on until it is released."""

    def __init__(self) -> None:
        self.calls = 0
        self.working, self.released = threading.Event(), threading.Event()

    def ListTickets(
        self, request: ticket_pb2.ListTicketsRequest, context: grpc.ServicerContext
    ) -> ticket_pb2.ListTicketsResponse:
        self.calls += 1
        if request.page_token:
            self.working.set()
            self.released.wait(30)
        return ticket_pb2.ListTicketsResponse()


class Replica:
    def __init__(self, keys: Keys) -> None:
        self.keys, self.port = keys, 0
        self.start()

    def start(self) -> None:
        self.tickets = Tickets()  # type: ignore[abstract]  # the calls made here suffice
        add = [lambda server: ticket_grpc.add_TicketServiceServicer_to_server(self.tickets, server)]
        self.pool = Pool()
        self.server, self.port = make_server(self.keys, f"127.0.0.1:{self.port}", add, self.pool)
        self.server.start()

    def stop(self) -> None:
        # As servicekit.process.api does.
        end(self.server, self.pool)


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


def test_who_ends_finishes_what_is_worked_on_and_cancels_what_nobody_works_on(keys_of: Callable[[str], Keys]) -> None:
    replica = Replica(keys_of("ticket"))
    peer = Peer(keys_of("gateway"), "ticket", f"127.0.0.1:{replica.port}")
    stub = ticket_grpc.TicketServiceStub(peer.channel)
    # A watch of its health occupies no thread, as a call that gRPC has taken and shows nobody.
    watched = health_pb2_grpc.HealthStub(peer.channel).Watch(health_pb2.HealthCheckRequest())
    next(watched)
    with ThreadPoolExecutor(2) as threads:
        request = ticket_pb2.ListTicketsRequest(page_token="long")
        answer = threads.submit(peer.call, stub.ListTickets, request, ATTENDANT, timeout=30)
        replica.tickets.working.wait(10)
        ending = threads.submit(replica.stop)
        with pytest.raises(TimeoutError):
            ending.result(timeout=4 * LAST_WORDS)
        replica.tickets.released.set()
        answer.result(timeout=10)
        # Long before all that runs would have been cancelled.
        ending.result(timeout=GRACE / 2)
    peer.close()
