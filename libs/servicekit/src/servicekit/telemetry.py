"""Traces, logs and metrics: what lets somebody at night follow one mail from SMTP to the browser."""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram
from structlog.tracebacks import ExceptionDictTransformer

PROPAGATOR = TraceContextTextMapPropagator()
TRACER = trace.get_tracer("guiche")

# Half a millisecond to ten seconds: a verb takes a few milliseconds, a page of mail under a hundred.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
RPC_SECONDS = Histogram("guiche_rpc_seconds", "Time to answer a call", ["service", "method", "code"], buckets=SECONDS)
OUTBOX_ROWS = Gauge("guiche_outbox_rows", "Events committed and not yet delivered", ["service"])
OUTBOX_AGE = Gauge("guiche_outbox_age_seconds", "Age of the oldest event not yet delivered", ["service"])
OUTBOX_DELIVERED = Counter("guiche_outbox_delivered_total", "Events delivered", ["service"])
INBOX_ROWS = Gauge("guiche_inbox_rows", "Events received and not yet handled", ["service"])
INBOX_AGE = Gauge("guiche_inbox_age_seconds", "Age of the oldest event not yet handled", ["service"])
INBOX_FAILED = Gauge("guiche_inbox_failed_rows", "Events given up after their last attempt", ["service"])
INBOX_SECONDS = Histogram(
    "guiche_inbox_seconds", "Time to handle an event", ["service", "type", "outcome"], buckets=SECONDS
)


def start(service: str, otlp_endpoint: str, log_level: str, file: TextIO | None = None) -> None:
    """Once per process, before anything is traced or logged. file: where the log goes; else standard error."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        # Also where no trace is exported: the ids are in logs and problems, and lead from one to the other.
        provider = TracerProvider(resource=Resource.create({"service.name": f"guiche-{service}"}))
        if otlp_endpoint:
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint)))
        trace.set_tracer_provider(provider)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_trace,
            # Without the values of local variables: tokens and mails are among them.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[log_level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file or sys.stderr),
        cache_logger_on_first_use=True,
    )


def add_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if trace_id := current_trace_id():
        event["traceId"] = trace_id
    return event


def log(service: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(service=service)
    return logger


def current_trace_id() -> str:
    """32 hexadecimal digits; empty outside of a span."""
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else ""


def current_traceparent() -> str:
    """W3C trace context of the current span, to be stored or sent; empty outside of a span."""
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


def context_of(traceparent: str) -> Context:
    return PROPAGATOR.extract({"traceparent": traceparent})


@contextmanager
def span(
    name: str, traceparent: str = "", kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int
) -> Iterator[Span]:
    """A span that continues a stored or received trace where one is given, else the current one."""
    context = context_of(traceparent) if traceparent else None
    with TRACER.start_as_current_span(name, context=context, kind=kind, attributes=attributes) as current:
        yield current
