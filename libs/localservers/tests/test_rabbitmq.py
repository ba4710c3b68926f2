from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pika
import pytest
from localservers_support import Elsewhere, alive, kill, wait_until
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker

from localservers.rabbitmq import RabbitMQ, rabbitmq

QUORUM = {"x-queue-type": "quorum"}


def publish(url: str, body: bytes) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("events", durable=True, arguments=QUORUM)
        channel.basic_publish("", "events", body, pika.BasicProperties(delivery_mode=2), mandatory=True)


def take(url: str) -> bytes | None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        _method, _properties, body = connection.channel().basic_get("events", auto_ack=True)
        return body


def test_what_was_confirmed_survives_the_broker_going_away_and_a_new_start_on_the_same_folder(tmp_path: Path) -> None:
    with rabbitmq(tmp_path) as server:
        publish(server.url, b"kept")
        with pika.BlockingConnection(pika.URLParameters(server.url)) as connection:
            server.stop()
            with pytest.raises(AMQPConnectionError):
                connection.channel()
        with pytest.raises(AMQPConnectionError):
            take(server.url)
        server.start()
        assert take(server.url) == b"kept"
        publish(server.url, b"kept too")
    with rabbitmq(tmp_path) as server:
        assert take(server.url) == b"kept too"


@pytest.mark.parametrize("victim", ["starter", "guard"])
def test_it_ends_when_its_starter_or_its_guard_is_killed(
    tmp_path: Path, start_elsewhere: Callable[..., Elsewhere], victim: str
) -> None:
    server = start_elsewhere("rabbitmq", tmp_path)
    processes = server.processes()
    assert len(processes) > 3, "guard, broker, epmd, Erlang's helpers"
    kill(server.starter.pid if victim == "starter" else processes[0])
    wait_until(lambda: not any(alive(process) for process in processes))


def test_virtual_hosts_are_apart_and_may_have_any_name(rabbitmq_server: RabbitMQ) -> None:
    one, other = rabbitmq_server.vhost('a/b ç"\\'), rabbitmq_server.vhost("b")
    publish(one, b"mine")
    with pytest.raises(ChannelClosedByBroker, match="no queue"):
        take(other)
    assert rabbitmq_server.vhost('a/b ç"\\') == one, "asking again changes nothing"
    assert take(one) == b"mine"
    for name in ('a/b ç"\\', "b"):
        rabbitmq_server.delete_vhost(name)


def test_several_may_give_it_orders_at_once(rabbitmq_server: RabbitMQ) -> None:
    names = [f"at once {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rabbitmq_server.vhost, names))
        list(pool.map(rabbitmq_server.delete_vhost, names))


def test_each_test_has_a_virtual_host(amqp_url: str) -> None:
    publish(amqp_url, b"mine")
    assert take(amqp_url) == b"mine"
    assert take(amqp_url) is None
