"""Calls to one neighbour: with a signed token, a deadline and the trace; what fails raises Failure."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Protocol, TypeVar

import grpc

from servicekit.errors import from_rpc_error
from servicekit.rpc.caller import Attendant
from servicekit.telemetry import current_traceparent
from servicekit.tokens import Keys

Request = TypeVar("Request", contravariant=True)
Response = TypeVar("Response", covariant=True)

TOKEN_SECONDS = 60
# A token is used for half its life, so that it never expires on the way.
REUSE_SECONDS = 30
# What says that nobody has answered: UNAVAILABLE, and CANCELLED, with which gRPC ends calls that a server has received
# and not begun when it is told to stop (seen: a call at each restart under load). What this side cancels is not
# repeated. Even then a handler may have run (its server died after the commit), so every method that changes something
# must know a call that is made again, by its message id or request_id.
SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 3,
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                },
            }
        ],
    }
)
OPTIONS = [
    ("grpc.service_config", SERVICE_CONFIG),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    # A neighbour that comes back is found within a second, not after gRPC's two minutes of back-off.
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # While a neighbour is rolled out, names are asked for again within a second, not after gRPC's half minute: by then
    # all addresses of the last answer can be gone.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
]


class Method(Protocol[Request, Response]):
    def __call__(
        self, request: Request, /, timeout: float | None = ..., metadata: "Metadata | None" = ...
    ) -> Response: ...


Metadata = tuple[tuple[str, str | bytes], ...]


class Peer:
    """One neighbour, by its name in tokens and its gRPC target. Create it after forking; threads may share it."""

    def __init__(self, keys: Keys, peer: str, address: str) -> None:
        self.keys = keys
        self.peer = peer
        self.channel = grpc.insecure_channel(address, options=OPTIONS)
        self.tokens: dict[Attendant | None, tuple[float, str]] = {}
        self.lock = threading.Lock()

    def call(
        self,
        method: Method[Request, Response],
        request: Request,
        attendant: Attendant | None = None,
        grant: str = "",
        timeout: float = 5.0,
    ) -> Response:
        """method: of a stub made on .channel. timeout in seconds, the whole of all retries."""
        try:
            return method(request, timeout=timeout, metadata=self.metadata(attendant, grant))
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error

    def stream(
        self,
        method: Method[Request, Iterator[Response]],
        request: Request,
        attendant: Attendant | None = None,
        grant: str = "",
        timeout: float = 300.0,
    ) -> Iterator[Response]:
        try:
            yield from method(request, timeout=timeout, metadata=self.metadata(attendant, grant))
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error

    def send(
        self,
        method: Method[Iterator[Request], Response],
        requests: Iterator[Request],
        attendant: Attendant | None = None,
        grant: str = "",
        timeout: float = 300.0,
    ) -> Response:
        """Requests, one at least, are taken as fast as the neighbour takes them, in another thread.

        What they raise is raised here. The server takes nothing for the whole that has not ended with an empty message,
        which is added here: gRPC may show it a call that was broken off as one that has ended.
        """
        failures: list[Exception] = []

        def ended() -> Iterator[Request]:
            try:
                for request in requests:
                    yield request
                yield type(request)()
            except Exception as error:
                failures.append(error)

        try:
            return method(ended(), timeout=timeout, metadata=self.metadata(attendant, grant))
        except grpc.RpcError as error:
            if failures:
                raise failures[0] from error
            raise from_rpc_error(error) from error

    def metadata(self, attendant: Attendant | None, grant: str) -> Metadata:
        pairs = [("authorization", f"Bearer {self.token(attendant)}")]
        if grant:
            pairs.append(("guiche-grant", grant))
        if traceparent := current_traceparent():
            pairs.append(("traceparent", traceparent))
        return tuple(pairs)

    def token(self, attendant: Attendant | None) -> str:
        now = time.monotonic()
        with self.lock:
            until, token = self.tokens.get(attendant, (0.0, ""))
            if until > now:
                return token
            if len(self.tokens) > 10_000:
                self.tokens.clear()
            claims = {"sub": attendant.id, "org": attendant.organization_id} if attendant else {}
            token = self.keys.sign(self.peer, TOKEN_SECONDS, claims)
            self.tokens[attendant] = (now + REUSE_SECONDS, token)
            return token

    def close(self) -> None:
        self.channel.close()
