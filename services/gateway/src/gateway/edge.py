"""The ASGI application: every request passes here first, is limited, traced, measured, logged, and sent on its way."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from a2wsgi import WSGIMiddleware
from flask import Flask
from opentelemetry.context import Context, attach
from opentelemetry.trace import Span, SpanKind
from prometheus_client import Histogram

from gateway import problems, uploads
from gateway.config import Settings
from gateway.failures import AttachmentTooLarge, BadInput, BodyTooSlow, TooLarge, TooManyHeaders
from gateway.gate import RECORD, Record
from gateway.limits import Limiter, client_address, counted_as, is_trusted
from gateway.problems import Problem
from gateway.push import stream as push
from gateway.push.stream import Receive, Scope, Send, Stream, header
from servicekit.errors import Failure
from servicekit.telemetry import SECONDS, log, span

REQUEST_SECONDS = Histogram(
    "guiche_http_seconds", "Time to answer a request", ["method", "route", "status"], buckets=SECONDS
)
# Methods and routes that somebody makes up must not each become a time series.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
REPLY = ":reply"
PROBES = {"/livez": b"alive\n", "/readyz": b"ready\n"}

# What runs beside the requests, from the start of the event loop to its end.
Beside = Callable[[], AbstractAsyncContextManager[None]]


class Edge:
    def __init__(self, settings: Settings, flask: Flask, stream: Stream, beside: Sequence[Beside] = ()) -> None:
        self.settings = settings
        self.flask = WSGIMiddleware(flask.wsgi_app, workers=settings.threads)  # type: ignore[arg-type]
        self.stream = stream
        self.beside = beside
        self.proxies = settings.proxies()
        self.address_limit = Limiter(settings.address_rate, settings.address_burst)
        # Set from any thread when the process is about to end: each answer then closes its connection, so that none is
        # kept which a client would use at the very moment it ends (RFC 9112, 9.3.1).
        self.leaving = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        elif scope["type"] == "http":
            await self.watched(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            self.stream.hub.start()
            stack.callback(self.stream.hub.close)
            for part in self.beside:
                await stack.enter_async_context(part())
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request with its span, its metric and its line in the log; a Failure becomes a problem."""
        # On a connection that is kept, the server may call in the context of the request before, whose trace is over.
        attach(Context())
        record = Record(scope["method"] if scope["method"] in METHODS else "other")
        scope = {**scope, RECORD: record, "headers": clean(scope["headers"])}
        began = time.perf_counter()

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                if self.leaving:
                    message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        peer = (scope.get("client") or ("",))[0]
        traceparent = header(scope, b"traceparent") if is_trusted(peer, self.proxies) else ""
        with span(f"HTTP {record.method}", traceparent, SpanKind.SERVER) as current:
            record.client_address = client_address(peer, header(scope, b"x-forwarded-for"), self.proxies)
            try:
                await self.dispatch(scope, receive, counted)
            except Failure as failure:
                await answer(counted, problems.of_failure(failure))
            except Exception:
                if record.status:
                    # The answer has begun: breaking it off is all that can still be told.
                    raise
                log("gateway").exception("request_failed")
                await answer(counted, problems.INTERNAL)
            finally:
                self.report(record, time.perf_counter() - began, current)

    async def dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        record: Record = scope[RECORD]
        path = scope["path"]
        if path in PROBES:
            record.route = path
            await answer_text(send, PROBES[path])
            return
        self.address_limit.take(counted_as(record.client_address))
        refuse_unreadable(scope)
        if path == push.PATH and scope["method"] == "GET":
            record.route = path
            await self.stream(scope, receive, send)
            return
        limits = self.settings
        if uploads.is_upload(scope):
            record.route = uploads.PATH
            refuse_announced(scope, limits.max_upload, AttachmentTooLarge)
            body = uploads.metered(receive, limits.max_upload, limits.body_seconds, limits.upload_seconds)
        else:
            limit = limits.max_reply if scope["path"].endswith(REPLY) else limits.max_body
            body = replay(await read_body(scope, receive, limit, limits.body_seconds), receive)
        await self.flask(scope, body, patient(send, record))  # type: ignore[arg-type]

    def report(self, record: Record, seconds: float, current: Span) -> None:
        route = record.route or "none"
        current.update_name(f"{record.method} {route}")
        current.set_attribute("http.response.status_code", record.status)
        if route in PROBES:
            return
        known = {"attendant": record.attendant, "protocol": record.protocol}
        log("gateway").info(
            "request",
            method=record.method,
            route=route,
            status=record.status,
            seconds=round(seconds, 6),
            client=record.client_address,
            **{name: value for name, value in known.items() if value},
        )
        # A push connection lasts for minutes and would be the only thing one sees.
        if route != push.PATH:
            REQUEST_SECONDS.labels(record.method, route, str(record.status)).observe(seconds)


def clean(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Without names with underscores: WSGI cannot tell them from those with hyphens, such as X-Forwarded-For."""
    return [(name.lower(), value) for name, value in headers if b"_" not in name]


def refuse_unreadable(scope: Scope) -> None:
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        raise TooManyHeaders(f"At most {MAX_HEADERS} headers and {MAX_HEADER_BYTES} bytes of them.")
    if not scope["query_string"].isascii():
        raise BadInput("The query string must be percent-encoded.", "?")
    try:
        scope["path"].encode()
    except UnicodeEncodeError as error:
        raise BadInput("The path is not UTF-8.", "{path}") from error


async def read_body(scope: Scope, receive: Receive, limit: int, seconds: float) -> bytes:
    """The whole body before a thread is taken, so that slow senders hold none."""
    refuse_announced(scope, limit, TooLarge)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in chunks(receive):
                body += chunk
                if len(body) > limit:
                    raise TooLarge(f"A body may have {limit} bytes.")
    except TimeoutError as error:
        raise BodyTooSlow(f"The body did not come within {seconds:g} seconds.") from error
    return bytes(body)


def refuse_announced(scope: Scope, limit: int, failure: type[Failure]) -> None:
    announced = header(scope, b"content-length")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise failure(f"A body may have {limit} bytes.")


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadInput("The body ended too early.", "")
        more = message.get("more_body", False)
        yield message.get("body", b"")


def replay(body: bytes, receive: Receive) -> Receive:
    """The body that was read as one piece, then what the connection says."""
    waiting = [body]

    async def again() -> Any:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again


def patient(send: Send, record: Record) -> Send:
    """Never raises and never waits long: a2wsgi would leave the thread that writes waiting for ever."""

    async def sending(message: Any) -> None:
        if record.gone:
            return
        try:
            async with asyncio.timeout(push.SEND_SECONDS):
                await send(message)
        except Exception as error:
            record.gone = True
            log("gateway").warning("client_gone", error=type(error).__name__)

    return sending


def answer(send: Send, problem: Problem) -> Awaitable[None]:
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers().items()]
    return respond(send, problem.status, headers, problem.body())


def answer_text(send: Send, text: bytes) -> Awaitable[None]:
    return respond(send, 200, [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")], text)


async def respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
