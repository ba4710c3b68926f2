"""Delivery by RabbitMQ: publishing with many confirms in flight, moving into the inbox, listening for push.

Retry, back-off and poison are no matter of the broker: a message stands in its queue only until it is in the inbox.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosedByBroker
from pika.frame import Method
from pika.spec import Basic, BasicProperties
from sqlalchemy.exc import DataError, SQLAlchemyError

from servicekit.database import Database
from servicekit.events.amqp import (
    DEAD,
    DEAD_ARGUMENTS,
    EXCHANGE,
    QUEUE_ARGUMENTS,
    Undecodable,
    from_message,
    queue_of,
    to_message,
)
from servicekit.events.envelope import Envelope
from servicekit.events.inbox_rows import store
from servicekit.events.topology import CONSUMERS, Topology, durable_types
from servicekit.events.trouble import Trouble
from servicekit.telemetry import log

# One confirm at a time gives 1.1 thousand events a second, 200 give nine.
IN_FLIGHT = 200
OPEN_SECONDS = 15.0
CONFIRM_SECONDS = 30.0
PREFETCH = 500
MOVE_ROWS = 200
MOVE_SECONDS = 0.01
# pika raises OSError for names that do not resolve, AMQPConnectorException where the other end takes a connection and
# says nothing, and AMQPError for nearly all else.
BROKER_ERRORS = (AMQPError, AMQPConnectorException, OSError)


class DeliveryFailed(Exception):
    """The broker could not be asked, or did not confirm."""


class ConsumerCancelled(AMQPError):
    """The broker ended the consumer, not the connection."""


def parameters(url: str) -> pika.URLParameters:
    found = pika.URLParameters(url)
    found.heartbeat = 20
    found.blocked_connection_timeout = 30
    found.socket_timeout = 10
    return found


@contextmanager
def connected(url: str) -> Iterator[pika.BlockingConnection]:
    connection = pika.BlockingConnection(parameters(url))
    try:
        yield connection
    finally:
        with suppress(*BROKER_ERRORS):
            connection.close()


@contextmanager
def consuming(url: str) -> Iterator[pika.BlockingConnection]:
    """A connection that ends by losing its socket, not by pika's close().

    That cancels the consumer first, so the broker activates the next one, and then gives back what was not
    acknowledged, one by one, while later messages reach the next consumer already (seen: 1, 6, 7, 8, 2, 3 …). When a
    socket is lost the broker takes back everything in order before it activates another consumer.
    """
    connection = pika.BlockingConnection(parameters(url))
    try:
        yield connection
    finally:
        if connection.is_open:
            with suppress(*BROKER_ERRORS):
                # There is no public way.
                connection._impl._terminate_stream(ConsumerCancelled("dropped"))  # type: ignore[attr-defined]
                while connection.is_open:
                    connection.process_data_events(time_limit=0.1)


def declare(channel: BlockingChannel, consumers: Topology) -> None:
    """The whole topology, as often as wanted: an event confirmed before a queue is bound never reaches it."""
    channel.exchange_declare(DEAD, "fanout", durable=True)
    channel.queue_declare(DEAD, durable=True, arguments=DEAD_ARGUMENTS)
    channel.queue_bind(DEAD, DEAD)
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    for service, types in consumers.items():
        channel.queue_declare(queue_of(service), durable=True, arguments=QUEUE_ARGUMENTS)
        for event_type in types:
            channel.queue_bind(queue_of(service), EXCHANGE, event_type)


def depths(url: str, queues: Sequence[str]) -> dict[str, int | None]:
    """How many messages are ready in each queue; None where there is no such queue."""
    found: dict[str, int | None] = {}
    with connected(url) as connection:
        for queue in queues:
            try:
                found[queue] = connection.channel().queue_declare(queue, passive=True).method.message_count
            except ChannelClosedByBroker:
                found[queue] = None
    return found


class RabbitDelivery:
    """Publishes; reconnects when asked to deliver after a connection ended."""

    def __init__(self, url: str, consumers: Topology = CONSUMERS) -> None:
        self.url = url
        self.consumers = consumers
        self.session: Session | None = None

    def deliver(self, envelopes: Sequence[Envelope]) -> set[UUID]:
        if self.session is None or self.session.ended.is_set():
            self.close()
            with connected(self.url) as connection:
                declare(connection.channel(), self.consumers)
            self.session = Session(self.url, durable_types(self.consumers))
        return self.session.deliver(envelopes)

    def close(self) -> None:
        if self.session is not None:
            self.session.close()
        self.session = None


class Session:
    """One connection in a thread of its own, so that heartbeats go on while there is nothing to publish.

    Everything called on_… runs in that thread, as does pump(); deliver() and close() in the caller's.
    """

    def __init__(self, url: str, durable: frozenset[str]) -> None:
        self.durable = durable
        self.channel: Channel | None = None
        self.opened = threading.Event()
        self.ended = threading.Event()
        self.reason = "closed"
        self.settled = threading.Event()
        self.waiting: deque[Envelope] = deque()
        self.in_flight: dict[int, UUID] = {}
        self.last_tag = 0
        self.returned: set[UUID] = set()
        self.confirmed: set[UUID] = set()
        self.connection = pika.SelectConnection(
            parameters(url),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self.on_channel),
            on_open_error_callback=self.on_end,
            on_close_callback=self.on_end,
        )
        self.thread = threading.Thread(target=self.run, name="publisher", daemon=True)
        self.thread.start()

    def run(self) -> None:
        try:
            self.connection.ioloop.start()
        finally:
            self.ended.set()
            self.opened.set()
            self.settled.set()

    def deliver(self, envelopes: Sequence[Envelope]) -> set[UUID]:
        if not self.opened.wait(OPEN_SECONDS) or self.ended.is_set():
            self.close()
            raise DeliveryFailed(self.reason)
        self.settled.clear()
        self.confirmed = set()
        self.connection.ioloop.add_callback_threadsafe(lambda: self.begin(envelopes))
        if not self.wait_settled() or self.returned:
            # What was confirmed counts. But the rest of its confirms would no longer be understood; or somebody removed
            # a queue or a binding, which the next session declares again.
            self.close()
        return set(self.confirmed)

    def wait_settled(self) -> bool:
        deadline = time.monotonic() + CONFIRM_SECONDS
        while not self.settled.wait(0.2):
            if self.ended.is_set() or time.monotonic() > deadline:
                return False
        return not self.ended.is_set()

    def close(self) -> None:
        self.connection.ioloop.add_callback_threadsafe(self.on_close_wanted)
        self.thread.join(timeout=5)
        if not self.thread.is_alive():
            self.connection.ioloop.close()

    def on_close_wanted(self) -> None:
        if self.connection.is_closed or self.connection.is_closing:
            return
        with suppress(*BROKER_ERRORS):
            self.connection.close()

    def on_channel(self, channel: Channel) -> None:
        self.channel = channel
        channel.add_on_close_callback(lambda _channel, error: self.on_channel_closed(error))
        channel.add_on_return_callback(self.on_return)
        channel.confirm_delivery(self.on_confirm, lambda _frame: self.opened.set())

    def on_channel_closed(self, error: BaseException) -> None:
        self.reason = str(error)
        self.on_close_wanted()

    def on_end(self, _connection: object, error: BaseException | str) -> None:
        self.reason = str(error) or type(error).__name__
        self.connection.ioloop.stop()

    def begin(self, envelopes: Sequence[Envelope]) -> None:
        self.waiting.extend(envelopes)
        self.pump()

    def pump(self) -> None:
        """Publishes while fewer than IN_FLIGHT confirms are missing."""
        channel = self.channel
        while self.waiting and len(self.in_flight) < IN_FLIGHT and channel is not None and channel.is_open:
            envelope = self.waiting.popleft()
            message = to_message(envelope)
            self.last_tag += 1
            self.in_flight[self.last_tag] = envelope.id
            channel.basic_publish(
                EXCHANGE,
                envelope.type,
                message.body,
                BasicProperties(
                    content_type=message.content_type,
                    headers=dict(message.headers),
                    delivery_mode=pika.DeliveryMode.Persistent.value,
                    message_id=str(envelope.id),
                ),
                # Whoever must get it has a queue; that it is bound was true when it was declared.
                mandatory=envelope.type in self.durable,
            )
        if not self.waiting and not self.in_flight:
            self.settled.set()

    def on_return(self, _channel: Channel, _method: Basic.Return, properties: BasicProperties, _body: bytes) -> None:
        """Comes before the confirm of the same message: the broker has it, and no queue does."""
        self.returned.add(UUID(properties.message_id))

    def on_confirm(self, frame: Method[Any]) -> None:
        confirm = frame.method
        tags = [confirm.delivery_tag]
        if confirm.multiple:
            tags = [tag for tag in self.in_flight if tag <= confirm.delivery_tag]
        for tag in tags:
            event_id = self.in_flight.pop(tag)
            if isinstance(confirm, Basic.Ack) and event_id not in self.returned:
                self.confirmed.add(event_id)
        self.pump()


def consumer(
    url: str, service: str, database: Database, consumers: Topology = CONSUMERS
) -> Callable[[threading.Event], None]:
    """The loop that moves a service's events from its queue into its inbox."""

    def run(stop: threading.Event) -> None:
        broker = Trouble(log(service), "broker")
        inbox = Trouble(log(service), "inbox")
        while not stop.is_set():
            try:
                with consuming(url) as connection:
                    mover = Mover(connection.channel(), service, database, consumers)
                    broker.over()
                    while not stop.is_set():
                        try:
                            connection.process_data_events(time_limit=0.2)
                            mover.move(connection)
                            inbox.over()
                        except SQLAlchemyError as error:
                            # Nothing was acknowledged. The connection stays: were the messages given back, a later one
                            # could reach the next consumer before them.
                            connection.sleep(inbox.met(error))
            except BROKER_ERRORS as error:
                stop.wait(broker.met(error))

    return run


class Mover:
    """Collects what has arrived, commits it to the inbox, and only then acknowledges it."""

    def __init__(self, channel: BlockingChannel, service: str, database: Database, consumers: Topology) -> None:
        self.channel = channel
        self.service = service
        self.database = database
        self.arrived: list[tuple[int, Envelope]] = []
        declare(channel, consumers)
        channel.add_on_cancel_callback(self.on_cancel)
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.basic_consume(queue_of(service), self.on_message)

    def on_message(
        self, channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        assert method.delivery_tag is not None
        try:
            self.arrived.append((method.delivery_tag, from_message(properties.headers, properties.content_type, body)))
        except Undecodable as error:
            self.reject(method.delivery_tag, error)

    def on_cancel(self, _frame: object) -> None:
        raise ConsumerCancelled(f"{queue_of(self.service)} was deleted or moved")

    def reject(self, tag: int, error: Exception) -> None:
        """To the queue of the dead, by basic.reject: RabbitMQ 4.3 counts only that."""
        log(self.service).error("message_rejected", queue=queue_of(self.service), error=str(error))
        self.channel.basic_reject(tag, requeue=False)

    def move(self, connection: pika.BlockingConnection) -> None:
        deadline = time.monotonic() + MOVE_SECONDS
        while self.arrived and len(self.arrived) < MOVE_ROWS and (left := deadline - time.monotonic()) > 0:
            connection.process_data_events(time_limit=left)
        arrived = self.arrived[:PREFETCH]
        if not arrived:
            return
        try:
            self.store([envelope for _, envelope in arrived])
        except DataError:
            self.store_singly(arrived)
        else:
            self.channel.basic_ack(arrived[-1][0], multiple=True)
        del self.arrived[: len(arrived)]

    def store_singly(self, arrived: list[tuple[int, Envelope]]) -> None:
        """After the database refused a batch for what stands in it: one message must not keep the others out."""
        for tag, envelope in arrived:
            try:
                self.store([envelope])
            except DataError as error:
                self.reject(tag, error)
            else:
                self.channel.basic_ack(tag)

    def store(self, envelopes: list[Envelope]) -> None:
        with self.database.transaction() as connection:
            store(connection, envelopes)


def subscribe(
    url: str,
    types: Sequence[str],
    callback: Callable[[str, bytes, str], None],
    stop: threading.Event,
    lost: Callable[[], None] = lambda: None,
) -> None:
    """Calls callback(type, payload, traceparent) for each event from now on, until told to stop.

    The queue lives as long as the connection, so events are missed while there is none: lost() is called each time a
    connection stands after there was none, also where the broker came later than the subscriber.
    """
    broker = Trouble(log("subscriber"), "broker")
    missed = False
    while not stop.is_set():
        try:
            with connected(url) as connection:
                listen(connection.channel(), types, callback)
                broker.over()
                if missed:
                    lost()
                while not stop.is_set():
                    connection.process_data_events(time_limit=0.2)
        except BROKER_ERRORS as error:
            missed = True
            stop.wait(broker.met(error))


def listen(channel: BlockingChannel, types: Sequence[str], callback: Callable[[str, bytes, str], None]) -> None:
    def on_message(_channel: BlockingChannel, _method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
        try:
            envelope = from_message(properties.headers, properties.content_type, body)
            callback(envelope.type, envelope.payload, envelope.traceparent)
        except Exception:
            # One event that cannot be told must not silence the others.
            log("subscriber").exception("event_not_told")

    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    queue = channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
    assert queue is not None
    for event_type in types:
        channel.queue_bind(queue, EXCHANGE, event_type)
    channel.basic_consume(queue, on_message, auto_ack=True)
