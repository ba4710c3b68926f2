"""What is particular to the way over RabbitMQ."""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pika
import pytest
from guiche.publisher.v1.publisher_events_pb2 import PublisherChanged
from scene import CHANGED, TOPOLOGY, OverRabbit, Scene, changed, query, running

from localservers.rabbitmq import rabbitmq
from servicekit.events.amqp import DEAD, EXCHANGE, Undecodable, from_message, queue_of, to_message
from servicekit.events.envelope import Envelope
from servicekit.events.rabbitmq import RabbitDelivery, connected, declare, subscribe
from servicekit.ids import new_id
from servicekit.testing import MakeDatabase, eventually

QUEUE = queue_of("sample")


def envelope(aggregate: str = "a", version: int = 1, event_type: str = CHANGED) -> Envelope:
    payload = changed(aggregate, version).SerializeToString()
    return Envelope(
        new_id(),
        event_type,
        "publisher",
        aggregate,
        datetime(2026, 1, 2, tzinfo=UTC),
        payload,
        "00-a-b-01",
        "service:x",
    )


def test_an_event_survives_its_way_through_a_message() -> None:
    sent = envelope()
    message = to_message(sent)
    assert message.content_type == "application/protobuf"
    assert message.headers["ce-specversion"] == "1.0"
    assert message.headers["ce-partitionkey"] == "a"
    assert from_message(message.headers, message.content_type, message.body) == sent


@pytest.mark.parametrize(
    "wrong",
    [
        {"ce-id": "no uuid"},
        {"ce-id": 7},
        {"ce-type": "a\0b"},
        {"ce-time": "yesterday"},
        {"ce-time": "2026-01-02T00:00:00"},
        {"ce-partitionkey": None},
        {"ce-specversion": "9.9"},
    ],
)
def test_a_message_that_is_no_event_is_undecodable(wrong: dict[str, object]) -> None:
    message = to_message(envelope())
    with pytest.raises(Undecodable):
        from_message({**message.headers, **wrong}, message.content_type, message.body)


def test_messages_that_are_no_events_end_in_the_queue_of_the_dead_and_stop_nobody(
    make_database: MakeDatabase, amqp_url: str
) -> None:
    owner, target = make_database("sample"), make_database("sample")
    scene = Scene(owner, target, OverRabbit(amqp_url, target))
    with running(scene.all()), connected(amqp_url) as connection:
        channel = connection.channel()
        declare(channel, TOPOLOGY)
        for body in (b"", b"garbage"):
            channel.basic_publish(EXCHANGE, CHANGED, body)
        scene.publish("a", [1])
        eventually(lambda: scene.handled() == [("a", 1)])
        eventually(lambda: depth(channel, DEAD) == 2)
        assert depth(channel, QUEUE) == 0


def depth(channel: pika.adapters.blocking_connection.BlockingChannel, queue: str) -> int:
    return channel.queue_declare(queue, passive=True).method.message_count


def test_an_event_that_no_queue_takes_is_not_confirmed_and_the_topology_is_declared_again(amqp_url: str) -> None:
    delivery = RabbitDelivery(amqp_url, TOPOLOGY)
    first, second = envelope(version=1), envelope(version=2)
    assert delivery.deliver([first]) == {first.id}
    with connected(amqp_url) as connection:
        channel = connection.channel()
        channel.queue_delete(QUEUE)
        assert delivery.deliver([second]) == set()
        assert delivery.deliver([second]) == {second.id}
        eventually(lambda: depth(channel, QUEUE) == 1)
    delivery.close()


def test_more_events_than_may_be_in_flight_are_all_confirmed(amqp_url: str) -> None:
    delivery = RabbitDelivery(amqp_url, TOPOLOGY)
    many = [envelope(version=n) for n in range(1000)]
    assert delivery.deliver(many) == {one.id for one in many}
    delivery.close()


def test_nothing_is_lost_while_the_consumers_database_is_away(make_database: MakeDatabase, amqp_url: str) -> None:
    owner, target = make_database("sample"), make_database("sample")
    scene = Scene(owner, target, OverRabbit(amqp_url, target))
    name = target.url.rsplit("/", 1)[1]
    with running(scene.all()):
        scene.publish("a", [1])
        eventually(lambda: scene.handled() == [("a", 1)])
        with owner.direct() as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
            scene.publish("a", range(2, 50))
            eventually(scene.outbox_empty)
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        eventually(lambda: scene.versions("a") == list(range(1, 50)), 20)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_next_consumer_takes_over_in_order(how: signal.Signals, make_database: MakeDatabase, amqp_url: str) -> None:
    target = make_database("sample")
    script = Path(__file__).with_name("consumer_process.py")
    command = [sys.executable, str(script), amqp_url, target.url]
    environment = {**os.environ, "PYTHONPATH": str(script.parent)}

    def moved() -> list[int]:
        return [PublisherChanged.FromString(row[0]).version for row in
                query(target, "SELECT payload FROM inbox ORDER BY position")]  # fmt: skip

    published = 0
    delivery = RabbitDelivery(amqp_url, TOPOLOGY)
    consumers = [subprocess.Popen(command, env=environment) for _ in range(2)]
    try:
        for _ in range(3):
            consumers.append(subprocess.Popen(command, env=environment))
            before = len(moved())
            while len(moved()) <= before or published < before + 600:
                batch = [envelope("a", published + n) for n in range(200)]
                assert len(delivery.deliver(batch)) == 200
                published += 200
            first = consumers.pop(0)
            first.send_signal(how)
            first.wait(20)
        eventually(lambda: len(moved()) == published, 60)
    finally:
        for process in consumers:
            process.kill()
            process.wait()
        delivery.close()
    assert moved() == list(range(published))


def test_a_consumer_whose_queue_was_deleted_declares_it_again(make_database: MakeDatabase, amqp_url: str) -> None:
    owner, target = make_database("sample"), make_database("sample")
    scene = Scene(owner, target, OverRabbit(amqp_url, target))
    with running(scene.all()):
        scene.publish("a", [1])
        eventually(lambda: scene.handled() == [("a", 1)])
        with connected(amqp_url) as connection:
            connection.channel().queue_delete(QUEUE)
        scene.publish("a", [2])
        eventually(lambda: scene.versions("a") == [1, 2])


def test_a_broker_that_takes_connections_and_says_nothing_is_away_like_any_other() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ExitStack() as taken:
        url = f"amqp://127.0.0.1:{silent.getsockname()[1]}/?stack_timeout=0.3"
        silent.settimeout(20)
        with running([lambda stop: subscribe(url, [CHANGED], lambda *_: None, stop)]):
            # Tried again.
            for _ in range(2):
                taken.enter_context(silent.accept()[0])


def test_a_subscriber_hears_only_its_types_and_is_told_when_it_may_have_missed_some(tmp_path: Path) -> None:
    heard: list[tuple[str, bytes, str]] = []
    resyncs: list[int] = []

    def listen(stop: threading.Event) -> None:
        subscribe(url, [CHANGED], lambda *event: heard.append(event), stop, lambda: resyncs.append(1))

    with rabbitmq(tmp_path / "broker") as broker:
        url = broker.url
        delivery = RabbitDelivery(url, {})
        with running([listen]):
            sent = envelope()
            eventually(lambda: delivers(delivery, envelope("x", 1, "guiche.other"), sent) and heard)
            assert {event[0] for event in heard} == {CHANGED}
            assert heard[0][1:] == (sent.payload, sent.traceparent)
            assert not resyncs
            broker.stop()
            broker.start()
            eventually(lambda: resyncs, 20)
            heard.clear()
            eventually(lambda: delivers(delivery, sent) and heard)
        delivery.close()


def delivers(delivery: RabbitDelivery, *envelopes: Envelope) -> bool:
    try:
        return len(delivery.deliver(envelopes)) == len(envelopes)
    except Exception:
        return False
