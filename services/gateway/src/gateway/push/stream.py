"""The push connection itself: an ASGI function, so that an idle one costs no thread."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from guiche.ticket.v1 import ticket_service_pb2, ticket_service_pb2_grpc

from gateway.auth import CSRF_HEADER, Authenticator, SignedIn
from gateway.decoder import read_query
from gateway.gate import RECORD, Record
from gateway.limits import Limiter
from gateway.push.hub import Connection, Hub
from servicekit.rpc.client import Peer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH = "/api/v1/events"
HEARTBEAT_SECONDS = 15.0
# How long a client may leave what it is sent unread; afterwards it is as good as gone.
SEND_SECONDS = 30.0
# Browsers wait this long before they connect again. Spread over the clients by the network, not by us.
RETRY_MILLISECONDS = 2_000
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would otherwise hold events back to fill a buffer.
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class Stream:
    def __init__(self, hub: Hub, authenticator: Authenticator, limit: Limiter, ticket: Peer) -> None:
        self.hub, self.authenticator, self.limit, self.ticket = hub, authenticator, limit, ticket
        self.heartbeat = HEARTBEAT_SECONDS
        self.stub = ticket_service_pb2_grpc.TicketServiceStub(ticket.channel)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Failure as long as nothing was answered."""
        signed_in = self.sign_in(scope)
        read_query(scope["query_string"], ticket_service_pb2.GetAudienceRequest(), [])
        last = header(scope, b"last-event-id")
        # What happens while the keys are fetched is replayed to the new connection afterwards.
        after = self.hub.told if not last else self.hub.known_number(last)
        audience = await asyncio.to_thread(self.audience, signed_in)
        connection = Connection(signed_in.attendant.id, frozenset(audience))
        self.hub.add(connection)
        try:
            self.hub.replay(connection, -1 if after is None else after)
            await self.run(connection, signed_in.expires_at, receive, send)
        finally:
            self.hub.remove(connection)

    def sign_in(self, scope: Scope) -> SignedIn:
        authorization, cookies = header(scope, b"authorization"), header(scope, b"cookie")
        csrf = header(scope, CSRF_HEADER.lower().encode())
        signed_in = self.authenticator.signed_in(authorization, cookies, scope["method"], csrf)
        record: Record = scope[RECORD]
        record.attendant = signed_in.attendant.id
        self.limit.take(signed_in.attendant.id)
        return signed_in

    def audience(self, signed_in: SignedIn) -> list[str]:
        request = ticket_service_pb2.GetAudienceRequest()
        return list(self.ticket.call(self.stub.GetAudience, request, signed_in.attendant).keys)

    async def run(self, connection: Connection, expires_at: int, receive: Receive, send: Send) -> None:
        """Until the client is gone, the token ends, or the hub ends the connection."""
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        # An id before the first event lets a client that has seen none yet reconnect without a gap.
        place = f"id: {self.hub.event_id(self.hub.told)}\n" if connection.queue.empty() else ""
        await send_text(send, f"retry: {RETRY_MILLISECONDS}\n{place}\n")
        tasks = [
            asyncio.ensure_future(gone(receive)),
            asyncio.ensure_future(self.write(connection, expires_at, send)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                # A client that takes nothing more is no error of ours: its connection just ends.
                with contextlib.suppress(TimeoutError):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def write(self, connection: Connection, expires_at: int, send: Send) -> None:
        while (left := expires_at - time.time()) > 0:
            text: str | None = ""
            with contextlib.suppress(TimeoutError):
                text = await asyncio.wait_for(connection.queue.get(), min(left, self.heartbeat))
            if text is None:
                break
            await send_text(send, text or ": still here\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def send_text(send: Send, text: str) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def header(scope: Scope, name: bytes) -> str:
    """All values of a header, as one; "" where there is none."""
    return b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")
