"""The faults, one function each. None of them asserts anything: what was promised is judged afterwards."""

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from uuid import uuid4

import pika
from faults_flood import Flood
from faults_house import House, full
from pika.adapters.blocking_connection import BlockingChannel

from all_in_one.up import PROCESSES
from servicekit.events.amqp import EXCHANGE, queue_of
from servicekit.events.rabbitmq import declare
from servicekit.events.topology import CONSUMERS
from servicekit.testing import eventually

NAMES = [f"{service}-{process}".rstrip("-") for service, process in PROCESSES]
# Those that hold a lease, with what takes their work over.
LEASED = {
    "mail-ingest": ("mail", "ingest"),
    "mail-send": ("mail", "send"),
    "mail-worker": ("mail", "worker"),
    "mail-scheduler": ("mail", "scheduler"),
    "routing-worker": ("routing", "worker"),
    "ticket-worker": ("ticket", "worker"),
}
# Longer than every lease (10 s) and than the heartbeat of the broker's connections allows (2 × 20 s).
PAST_LEASES = 14.0
PAST_HEARTBEATS = 50.0


def wait(seconds: float) -> None:
    """The time is what is tried: it cannot be waited for by a condition."""
    threading.Event().wait(seconds)


def kill_in_turn(house: House, flood: Flood, rounds: int = 1, pause: float = 2.0, names: Sequence[str] = NAMES) -> None:
    draw = random.Random(rounds)
    for _ in range(rounds):
        for name in draw.sample(names, len(names)):
            house.kill(name)
            wait(pause)


def restart_the_broker(house: House, flood: Flood, times: int = 1) -> None:
    for _ in range(times):
        house.broker.stop()
        wait(1)
        house.broker.start()
        flood.grows(5)


def restart_the_database(house: House, flood: Flood, times: int = 1) -> None:
    for _ in range(times):
        house.stop_database()
        wait(1)
        house.start_database()
        flood.grows(5)


def crash_the_database(house: House, flood: Flood) -> None:
    """Without a word to anybody: what it has said is committed has to be there after its recovery."""
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd(house.server.pid), signal.SIGKILL)
    house.stop_database()
    house.start_database()
    flood.grows(5)


def pidfd(pid: int) -> int:
    return os.pidfd_open(pid)


def fill_the_disk_of_files(house: House, flood: Flood, seconds: float = 4.0) -> None:
    with full(house.data / "files"):
        wait(seconds)
    flood.grows(5)


def fill_the_disk_of_the_database(house: House, flood: Flood, seconds: float = 4.0) -> None:
    """It may end of it, as it does where it cannot write its log; somebody makes room and starts it again."""
    with full(house.data / "database"):
        wait(seconds)
    if not house.database_answers():
        house.stop_database()
        house.start_database()
    flood.grows(5)


def freeze_past_the_leases(house: House, flood: Flood, seconds: float = PAST_LEASES) -> None:
    with frozen(house, tuple(LEASED)):
        wait(seconds)


@contextmanager
def frozen(house: House, names: tuple[str, ...]) -> Iterator[None]:
    """Others take their work over meanwhile; then the frozen ones go on as if nothing had been."""
    standing = {name: house.kill(name, signal.SIGSTOP) for name in names}
    try:
        with ExitStack() as others:
            for name in names:
                others.enter_context(house.another(*LEASED[name]))
            yield
            thaw(standing)
            wait(1)
    finally:
        thaw(standing)


def thaw(frozen: dict[str, list[int]]) -> None:
    for pids in frozen.values():
        for pid in pids:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd(pid), signal.SIGCONT)


def slow_lines(house: House, flood: Flood, seconds: float = 8.0, delay: float = 0.05) -> None:
    for line in house.lines.values():
        line.delay = delay
    wait(seconds)
    for line in house.lines.values():
        line.delay = 0


def cut_lines(house: House, flood: Flood, times: int = 3, away: float = 1.0) -> None:
    """Each in turn and then all at once, and for a moment nobody is let in."""
    lines = list(house.lines.values())
    for cut in [*([line] for line in lines), lines] * times:
        for line in cut:
            line.refusing = True
            line.cut()
        wait(away)
        for line in cut:
            line.refusing = False
        flood.grows(2)


def double_and_shuffle(house: House, flood: Flood, events: int = 100) -> None:
    """Events go to a queue of ours instead, and from there to their consumers, twice and in any order."""
    ours = f"shuffled-{uuid4().hex}"
    everybody = {event_type for types in CONSUMERS.values() for event_type in types}
    with pika.BlockingConnection(pika.URLParameters(house.broker.url)) as connection:
        channel = connection.channel()
        channel.queue_declare(ours)
        for event_type in everybody:
            channel.queue_bind(ours, EXCHANGE, event_type)
        for service, types in CONSUMERS.items():
            for event_type in types:
                channel.queue_unbind(queue_of(service), EXCHANGE, event_type)
        # Fewer will do where the machine is slow; what must not be is queues without their bindings.
        with suppress(AssertionError):
            eventually(lambda: channel.queue_declare(ours, passive=True).method.message_count >= events, seconds=20)
        declare(channel, CONSUMERS)
        for event_type in everybody:
            channel.queue_unbind(ours, EXCHANGE, event_type)
        pass_on(channel, ours)


def pass_on(channel: BlockingChannel, ours: str) -> None:
    """The second time under another id, since by its own the inbox would know it: it is for the handlers to tell."""
    held = []
    while (got := channel.basic_get(ours, auto_ack=True))[0] is not None:
        held.append((got, False))
        held.append((got, True))
    random.Random(len(held)).shuffle(held)
    channel.confirm_delivery()
    for (method, properties, body), anew in held:
        headers = properties.headers | ({"ce-id": str(uuid4())} if anew else {})
        said = pika.BasicProperties(headers=headers, content_type=properties.content_type, delivery_mode=2)
        for service, types in CONSUMERS.items():
            if method.routing_key in types:
                channel.basic_publish("", queue_of(service), body, said)
    channel.queue_delete(ours)


def jump_clocks(house: House, flood: Flood, jumps: tuple[int, ...] = (+3600, -3600, 0), stay: float = 5.0) -> None:
    """Of every process of ours, while it runs. The servers keep the right time, as they would on machines of their own."""
    for seconds in jumps:
        house.move_clock(seconds)
        wait(stay)
    house.move_clock(0)


def let_one_process_have_the_wrong_time(house: House, flood: Flood, seconds: float = 20.0) -> None:
    """By an hour, so that nobody takes its tokens; everybody else is right."""
    standing = {"routing-worker": house.kill("routing-worker", signal.SIGSTOP)}
    clock = house.data / "wrong-clock"
    house.write_clock(clock, -3600)
    try:
        with house.another("routing", "worker", GUICHE_CLOCK=str(clock)):
            wait(seconds)
    finally:
        thaw(standing)


Fault = Callable[[House, Flood], None]
