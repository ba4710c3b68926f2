"""Push fed by RabbitMQ, and the gateway as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from guiche.ticket.v1.ticket_events_pb2 import AudienceChange, TicketOpened, TicketState

from gateway.testing import World
from servicekit.events.envelope import Envelope, type_of
from servicekit.events.rabbitmq import RabbitDelivery
from servicekit.testing import eventually

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def opened(ticket_id: str) -> Envelope:
    event = TicketOpened(ticket=TicketState(id=ticket_id), audience=AudienceChange(after=["l:n1"]))
    payload = event.SerializeToString()
    return Envelope(uuid4(), type_of(event), "ticket", ticket_id, datetime.now(UTC), payload, TRACE, "service:routing")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def gateway_process(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "gateway"], env=os.environ | environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture
def address(keys_folder: Path, addresses: dict[str, str], amqp_url: str) -> Iterator[tuple[str, str]]:
    """Where a gateway process serves, and where it is watched."""
    port, watch_port = free_port(), free_port()
    environment = {f"GUICHE_{name.upper()}": value for name, value in addresses.items()} | {
        "GUICHE_KEYS": str(keys_folder),
        "GUICHE_RABBITMQ_URL": amqp_url,
        "GUICHE_PORT": str(port),
        "GUICHE_WATCH_PORT": str(watch_port),
    }
    with gateway_process(environment) as process:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(f"{url}/readyz") or process.poll() is not None, 30)
        assert process.poll() is None, "the gateway ended"
        yield url, f"http://127.0.0.1:{watch_port}"


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_an_event_travels_from_the_broker_to_the_browser(address: tuple[str, str], world: World, amqp_url: str) -> None:
    url, watch = address
    attendant = str(uuid4())
    world.audience[attendant] = ["l:n1"]
    delivery = RabbitDelivery(amqp_url)
    try:
        with (
            httpx.Client(base_url=url, timeout=20, trust_env=False) as client,
            client.stream("GET", "/api/v1/events", headers=world.headers(attendant)) as response,
        ):
            lines = response.iter_lines()
            assert next(lines).startswith("retry:")
            with published_again_and_again(delivery):
                told = next(line for line in lines if "ticketId" in line)
            assert '"verb": "opened", "visible": true' in told
            assert client.get("/api/v1/me", headers=world.headers(attendant)).status_code == 200
    finally:
        delivery.close()
    metrics = httpx.get(f"{watch}/metrics", trust_env=False).text
    assert 'guiche_http_seconds_count{method="GET",route="/api/v1/me",status="200"} 1.0' in metrics
    assert "guiche_push_connections" in metrics


@contextmanager
def published_again_and_again(delivery: RabbitDelivery) -> Iterator[None]:
    """The queue is bound a moment after the start, and what was published before it is nobody's."""
    stop = threading.Event()

    def publish() -> None:
        while not stop.wait(0.1):
            delivery.deliver([opened(str(uuid4()))])

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_open_streams_do_not_keep_the_process_from_ending(
    keys_folder: Path, addresses: dict[str, str], world: World
) -> None:
    port = free_port()
    environment = {f"GUICHE_{name.upper()}": value for name, value in addresses.items()}
    environment |= {"GUICHE_KEYS": str(keys_folder), "GUICHE_PORT": str(port)}
    url = f"http://127.0.0.1:{port}"
    with gateway_process(environment) as process, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        eventually(lambda: answers(f"{url}/readyz"), 30)
        with client.stream("GET", "/api/v1/events", headers=world.headers()) as response:
            assert next(response.iter_lines()).startswith("retry:")
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert process.wait(20) == 0
            assert time.monotonic() - began < 15
