"""What every view needs: who asks, and the neighbours that answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Request, request

from gateway.auth import CSRF_HEADER, Authenticator, SignedIn
from gateway.limits import Limiter
from servicekit.rpc.client import Peer

RECORD = "guiche.record"


@dataclass
class Record:
    """What is known about a request when it ends, for its log line and metrics."""

    method: str
    client_address: str = ""
    # The template, e.g. /api/v1/tickets/{ticketId}: paths themselves would be a metric each.
    route: str = ""
    status: int = 0
    attendant: str = ""
    protocol: str = ""
    # The client went away, or takes nothing more: what is still being written for it may stop.
    gone: bool = False


@dataclass(frozen=True)
class Gate:
    peers: Mapping[str, Peer]
    authenticator: Authenticator
    attendant_limit: Limiter


def record_of(asked: Request) -> Record:
    scope: dict[str, Any] = asked.environ["asgi.scope"]
    record: Record = scope[RECORD]
    return record


def sign_in_of_request(gate: Gate) -> SignedIn:
    headers = request.headers
    signed_in = gate.authenticator.signed_in(
        headers.get("Authorization", ""), headers.get("Cookie", ""), request.method, headers.get(CSRF_HEADER, "")
    )
    record_of(request).attendant = signed_in.attendant.id
    gate.attendant_limit.take(signed_in.attendant.id)
    return signed_in
