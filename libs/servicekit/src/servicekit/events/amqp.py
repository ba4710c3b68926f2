"""How events look on RabbitMQ: names, queues, and CloudEvents 1.0 in binary mode."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from cloudevents.core.base import BaseCloudEvent, EventFactory
from cloudevents.core.bindings.rabbitmq import RabbitMQMessage, from_binary, to_binary
from cloudevents.core.v1.event import CloudEvent

from servicekit.events.envelope import Envelope

EXCHANGE = "guiche.events"
DEAD = "guiche.dead"
CONTENT_TYPE = "application/protobuf"

REQUIRED = {f"ce-{name}" for name in ("specversion", "id", "source", "type", "time", "partitionkey")}

# All set explicitly, so that RabbitMQ 3.10 to 4.x behave alike.
QUEUE_ARGUMENTS: dict[str, Any] = {
    "x-queue-type": "quorum",
    # One consumer at a time, the next when it dies: so the events of an aggregate reach the inbox in order.
    "x-single-active-consumer": True,
    # Retries live in the inbox; only a message that kills its consumer each time ever comes near this.
    "x-delivery-limit": 1000,
    "x-dead-letter-exchange": DEAD,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}
DEAD_ARGUMENTS: dict[str, Any] = {"x-queue-type": "quorum"}


def queue_of(service: str) -> str:
    return f"guiche.{service}.events"


class Undecodable(ValueError):
    """A message that is no event of ours, and never will be."""


class Untouched:
    """The library's place for encoding data; ours is protobuf and encoded already."""

    def write_data(self, data: dict[str, Any] | str | bytes | None, datacontenttype: str | None) -> bytes:
        assert isinstance(data, bytes)
        return data

    def read_data(self, body: bytes, datacontenttype: str | None) -> bytes:
        return body

    def write(self, event: BaseCloudEvent) -> bytes:
        raise NotImplementedError("events travel in binary mode")

    def read(self, event_factory: EventFactory | None, data: str | bytes) -> BaseCloudEvent:
        raise NotImplementedError("events travel in binary mode")

    def get_content_type(self) -> str:
        return CONTENT_TYPE


UNTOUCHED = Untouched()


def to_message(envelope: Envelope) -> RabbitMQMessage:
    attributes = {
        "specversion": "1.0",
        "id": str(envelope.id),
        "source": envelope.source,
        "type": envelope.type,
        "time": envelope.time,
        "datacontenttype": CONTENT_TYPE,
        # Extensions of CloudEvents: partitioning, distributed tracing; the last is ours.
        "partitionkey": envelope.aggregate,
        "traceparent": envelope.traceparent,
        "actor": envelope.actor,
    }
    return to_binary(CloudEvent(attributes, envelope.payload), UNTOUCHED)


def from_message(headers: Mapping[str, Any] | None, content_type: str | None, body: bytes) -> Envelope:
    """Whatever stands in a queue; Undecodable where it is no event."""
    try:
        texts = {name: value for name, value in (headers or {}).items() if isinstance(value, str) and "\0" not in value}
        if not texts.keys() >= REQUIRED:
            # The library would make up what is missing, the id too, and then no repetition would be known.
            raise Undecodable(f"missing: {sorted(REQUIRED - texts.keys())}")
        event = from_binary(RabbitMQMessage(texts, content_type, body), UNTOUCHED, CloudEvent)
        at = event.get_time()
        return Envelope(
            UUID(event.get_id()),
            event.get_type(),
            event.get_source(),
            str(event.get_extension("partitionkey")),
            at if isinstance(at, datetime) and at.tzinfo else bad("time"),
            body if content_type == CONTENT_TYPE else bad("content type"),
            event.get_extension("traceparent") or "",
            event.get_extension("actor") or "",
        )
    except Exception as error:
        raise Undecodable(f"{type(error).__name__}: {error}") from error


def bad(what: str) -> Any:
    raise Undecodable(what)
