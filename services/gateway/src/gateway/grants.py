"""Grants of the ticket service for what hangs on a ticket but lives elsewhere, kept until shortly before their end."""

import threading
import time
from collections import OrderedDict

from guiche.common.v1 import access_pb2
from guiche.ticket.v1 import ticket_service_pb2, ticket_service_pb2_grpc

from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer

# A grant must still be good when it arrives at its service, and while a clock differs a little.
SPARE_SECONDS = 10
MAX_KEPT = 10_000

Key = tuple[str, str, int]


class Grants:
    def __init__(self, ticket: Peer) -> None:
        self.ticket = ticket
        self.stub = ticket_service_pb2_grpc.TicketServiceStub(ticket.channel)
        self.kept: OrderedDict[Key, tuple[float, str]] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, attendant: Attendant, ticket_id: str, action: access_pb2.GrantAction.ValueType) -> str:
        """Raises the ticket service's refusal, TICKET_NOT_FOUND where the attendant may not see the ticket."""
        key = (attendant.id, ticket_id, action)
        with self.lock:
            until, grant = self.kept.get(key, (0.0, ""))
        if until > time.time():
            return grant
        request = ticket_service_pb2.AuthorizeTicketRequest(ticket_id=ticket_id, action=action)
        answer = self.ticket.call(self.stub.AuthorizeTicket, request, attendant)
        self.keep(key, answer.expires_at.seconds - SPARE_SECONDS, answer.grant)
        return answer.grant

    def keep(self, key: Key, until: float, grant: str) -> None:
        with self.lock:
            self.kept.pop(key, None)
            self.kept[key] = (until, grant)
            while len(self.kept) > MAX_KEPT:
                self.kept.popitem(last=False)
