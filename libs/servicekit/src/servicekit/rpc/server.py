"""The gRPC server of every service: one interceptor authenticates, validates, traces, measures and words failures."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from guiche.common.v1 import access_pb2
from opentelemetry.trace import SpanKind

from servicekit.errors import (
    BrokenOff,
    Failure,
    NotAllowed,
    Unauthenticated,
    to_status,
)
from servicekit.rpc.caller import CALLER, Attendant, Caller
from servicekit.rpc.rules import validate
from servicekit.telemetry import RPC_SECONDS, log, span
from servicekit.tokens import Keys

# Health checks and reflection say nothing about tickets and are asked by probes that hold no keys.
OPEN_PREFIXES = ("/grpc.health.v1.", "/grpc.reflection.")
MAX_MESSAGE = 16 * 1024 * 1024
THREADS = 16
# Seconds that calls under way have when the server ends.
GRACE = 10
# Seconds in which what handlers have just answered has left the process.
LAST_WORDS = 0.5

AddServicer = Callable[[grpc.Server], None]
Behavior = Callable[[Any, grpc.ServicerContext], Any]
T = TypeVar("T")


class Pool(ThreadPoolExecutor):
    """The threads of a server. unfinished: the calls that a handler works on or shall work on."""

    def __init__(self, threads: int = THREADS) -> None:
        super().__init__(threads, thread_name_prefix="rpc")
        self.threads = threads
        self.unfinished = 0
        self.counting = threading.Lock()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        self.count(1)
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(lambda _: self.count(-1))
        return future

    def count(self, step: int) -> None:
        with self.counting:
            self.unfinished += step


def make_server(
    keys: Keys, address: str, servicers: Sequence[AddServicer], pool: Pool | None = None
) -> tuple[grpc.Server, int]:
    """A server ready to start, and its port (0 for a unix socket). servicers: functions that add one servicer each.

    pool: for who is to end() it.
    """
    pool = pool or Pool()
    server = grpc.server(
        pool,
        interceptors=[Edge(keys)],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.so_reuseport", 0),
            # Clients look for new replicas whenever a connection ends.
            ("grpc.max_connection_age_ms", 5 * 60_000),
            ("grpc.max_connection_age_grace_ms", 30_000),
        ],
        maximum_concurrent_rpcs=pool.threads * 32,
    )
    for add in servicers:
        add(server)
    status = health.HealthServicer()
    status.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    reflection.enable_server_reflection([reflection.SERVICE_NAME, health.SERVICE_NAME], server)
    port = server.add_insecure_port(address)
    return server, 0 if address.startswith("unix:") else port


def end(server: grpc.Server, pool: Pool) -> None:
    """Takes no more calls and finishes those under way, for GRACE seconds at most.

    A call that arrives at the very moment can be one that gRPC has taken and shows nobody (seen: once in some hundred
    restarts under load). What no handler works on is therefore cancelled, and its caller asks another replica, instead
    of waiting for its deadline.
    """
    ended = server.stop(GRACE)
    idle = False
    while not ended.wait(LAST_WORDS):
        was_idle, idle = idle, pool.unfinished == 0
        if was_idle and idle:
            server.stop(None)


class Edge(grpc.ServerInterceptor):
    """Wraps every handler in the same steps, in the order in which they are written in `edge`."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.log = log(keys.service)
        # Checking a signature costs 0.3 ms; a caller uses the same token for half a minute.
        self.verified = lru_cache(maxsize=4096)(self.verify)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "grpc.RpcMethodHandler[Any, Any] | None"],
        details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        handler = continuation(details)
        path: str = details.method
        if handler is None or path.startswith(OPEN_PREFIXES):
            return handler
        unary, stream, upload = handler.unary_unary, handler.unary_stream, handler.stream_unary
        codec = handler.request_deserializer, handler.response_serializer
        if unary:
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: self.answer(path, unary, request, context), *codec
            )
        if upload:
            return grpc.stream_unary_rpc_method_handler(
                lambda requests, context: self.answer_upload(path, upload, requests, context), *codec
            )
        assert stream is not None, "no contract streams both ways"
        return grpc.unary_stream_rpc_method_handler(
            lambda request, context: self.answer_stream(path, stream, request, context), *codec
        )

    def answer(self, path: str, behavior: Behavior, request: Message, context: grpc.ServicerContext) -> Any:
        with self.edge(path, context):
            validate(request)
            return behavior(request, context)

    def answer_stream(
        self, path: str, behavior: Behavior, request: Message, context: grpc.ServicerContext
    ) -> Iterator[Any]:
        with self.edge(path, context):
            validate(request)
            yield from behavior(request, context)

    def answer_upload(
        self, path: str, behavior: Behavior, requests: Iterator[Message], context: grpc.ServicerContext
    ) -> Any:
        with self.edge(path, context):
            return behavior(whole(requests), context)

    @contextmanager
    def edge(self, path: str, context: grpc.ServicerContext) -> Iterator[None]:
        metadata = {str(key): str(value) for key, value in context.invocation_metadata()}
        began, code = time.perf_counter(), grpc.StatusCode.OK
        with span(path, metadata.get("traceparent", ""), SpanKind.SERVER):
            try:
                CALLER.set(self.authenticate(access_of(path), metadata))
                yield
            except Failure as failure:
                code = failure.code
                context.abort_with_status(to_status(failure))
            except grpc.RpcError:
                # What a stream of requests raises when its sender goes away; calls to neighbours raise Failure.
                code = grpc.StatusCode.CANCELLED
                context.abort(code, "The caller went away.")
            except Exception:
                code = grpc.StatusCode.INTERNAL
                self.log.exception("call_failed", method=path)
                context.abort(code, "Something went wrong here; it has been logged.")
            finally:
                RPC_SECONDS.labels(self.keys.service, path, code.name).observe(time.perf_counter() - began)

    def authenticate(self, access: access_pb2.Access, metadata: dict[str, str]) -> Caller:
        scheme, _, token = metadata.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("The call carries no token.")
        claims = self.current(token, tuple(access.callers))
        attendant = Attendant(claims["sub"], claims["org"]) if "sub" in claims and "org" in claims else None
        if access.attendant and attendant is None:
            raise Unauthenticated("The call names no attendant.")
        return Caller(claims["iss"], attendant, self.granted(access, metadata, attendant))

    def granted(
        self, access: access_pb2.Access, metadata: dict[str, str], attendant: Attendant | None
    ) -> dict[str, Any] | None:
        if not access.grant:
            return None
        claims = self.current(metadata.get("guiche-grant", ""), ("ticket",))
        action = access_pb2.GrantAction.Name(access.grant)
        if claims.get("action") != action or attendant is None or claims.get("sub") != attendant.id:
            raise NotAllowed("The grant is for another action or attendant.")
        return claims

    def current(self, token: str, issuers: tuple[str, ...]) -> dict[str, Any]:
        # A claim of the cache can have expired since it was verified, then it is verified again and says so.
        claims = self.verified(token, issuers)
        return claims if claims["exp"] > time.time() else self.verify(token, issuers)

    def verify(self, token: str, issuers: tuple[str, ...]) -> dict[str, Any]:
        return self.keys.verify(token, issuers)


@lru_cache(maxsize=1024)
def access_of(path: str) -> access_pb2.Access:
    """The access option of "/package.Service/Method". Without one there are no callers, so nobody can call."""
    service, _, method = path.lstrip("/").partition("/")
    descriptor = descriptor_pool.Default().FindServiceByName(service).methods_by_name[method]
    access: access_pb2.Access = descriptor.GetOptions().Extensions[access_pb2.access]
    return access


def whole(requests: Iterator[Message]) -> Iterator[Message]:
    """The requests before the empty one that ends them.

    Without it BrokenOff: whether a stream ended or its sender went away, gRPC's iterator may just stop (a race
    within it), and half a file must not be taken for the whole.
    """
    for request in requests:
        if not request.ByteSize():
            return
        validate(request)
        yield request
    raise BrokenOff("The requests ended without the empty one that ends them.")
