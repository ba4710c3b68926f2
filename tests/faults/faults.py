"""The faults, one function each. They assert that they happened; what was promised is judged afterwards."""

import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID, uuid4

import pika
import psycopg
from faults_flood import Flood
from faults_freezing import PAST_HEARTBEATS, stopped, wait
from faults_house import House, full
from pika.adapters.blocking_connection import BlockingChannel

from all_in_one.up import PROCESSES
from localservers.proxy import Proxy
from servicekit.events.amqp import EXCHANGE, queue_of
from servicekit.events.rabbitmq import declare
from servicekit.events.topology import CONSUMERS
from servicekit.testing import eventually

NAMES = [f"{service}-{process}".rstrip("-") for service, process in PROCESSES]
# Of the lines, those that are never idle.
BUSY = ("database", "broker")
FEWEST_EVENTS = 10


def kill_in_turn(house: House, flood: Flood, rounds: int = 1, pause: float = 2.0, names: Sequence[str] = NAMES) -> None:
    draw = random.Random(rounds)
    for _ in range(rounds):
        killed: dict[str, list[int]] = {}
        for name in draw.sample(names, len(names)):
            killed[name] = house.kill(name)
            wait(pause)
        replaced(house, killed)


def replaced(house: House, killed: dict[str, list[int]]) -> None:
    def anew(name: str) -> bool:
        running = set(house.system.pids(name))
        return bool(running) and not running & set(killed[name])

    for name in killed:
        eventually(partial(anew, name), seconds=90)


def restart_the_broker(house: House, flood: Flood, times: int = 1) -> None:
    for _ in range(times):
        with losing_connections(house.lines["broker"]):
            house.broker.stop()
        wait(1)
        house.broker.start()
        flood.grows(5)


def restart_the_database(house: House, flood: Flood, times: int = 1) -> None:
    for _ in range(times):
        with losing_connections(house.lines["database"]):
            house.stop_database()
        wait(1)
        house.start_database()
        flood.grows(5)


def crash_the_database(house: House, flood: Flood) -> None:
    """Without a word to anybody: what it has said is committed has to be there after its recovery."""
    before = recoveries(house)
    with losing_connections(house.lines["database"]):
        signal.pidfd_send_signal(pidfd(house.server.pid), signal.SIGKILL)
        house.stop_database()
    house.start_database()
    assert recoveries(house) > before, "it did not end in order"
    flood.grows(5)


def recoveries(house: House) -> int:
    return (house.data / "database" / "server.log").read_text(errors="replace").count("automatic recovery in progress")


@contextmanager
def losing_connections(line: Proxy) -> Iterator[None]:
    """There were some, and none of them is left."""
    before = eventually(lambda: set(line.flowing), seconds=60)
    yield
    eventually(lambda: not before & set(line.flowing), seconds=30)


def pidfd(pid: int) -> int:
    return os.pidfd_open(pid)


def fill_the_disk_of_files(house: House, flood: Flood, seconds: float = 4.0) -> None:
    before = len(flood.refusals)
    with full(house.data / "files"):
        eventually(lambda: 451 in flood.refusals[before:], seconds=60)
        wait(seconds)
    flood.grows(5)


def fill_the_disk_of_the_database(house: House, flood: Flood, seconds: float = 4.0) -> None:
    """It may end of it, as it does where it cannot write its log; somebody makes room and starts it again."""
    before = len(flood.refusals)
    with full(house.data / "database"):
        assert refuses_to_grow(house), "there is no room"
        eventually(lambda: 451 in flood.refusals[before:], seconds=120)
        wait(seconds)
    if not house.database_answers():
        house.stop_database()
        house.start_database()
    flood.grows(5)


def refuses_to_grow(house: House) -> bool:
    try:
        with psycopg.connect(house.server.url.replace("+psycopg", "", 1), connect_timeout=5) as connection:
            connection.execute("CREATE TABLE too_much AS SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
            connection.rollback()
    except psycopg.errors.DiskFull:
        return True
    except psycopg.OperationalError:
        # It may have ended of it.
        return not house.database_answers()
    return False


def slow_lines(house: House, flood: Flood, seconds: float = 8.0, delay: float = 0.05) -> None:
    before = {name: line.delayed for name, line in house.lines.items()}
    try:
        for line in house.lines.values():
            line.delay = delay
        wait(seconds)
    finally:
        for line in house.lines.values():
            line.delay = 0
    assert all(house.lines[name].delayed > before[name] for name in BUSY), "what passed was slow"


def cut_lines(house: House, flood: Flood, times: int = 3, away: float = 1.0) -> None:
    """Each in turn and then all at once, and for a moment nobody is let in."""
    lines = list(house.lines.values())
    for cut in [*([line] for line in lines), lines] * times:
        try:
            for line in cut:
                line.refusing = True
                connections = line.cut()
                assert connections or line not in [house.lines[name] for name in BUSY], "there was something to cut"
            wait(away)
        finally:
            for line in cut:
                line.refusing = False
        flood.grows(2)


def silence_lines(house: House, flood: Flood, seconds: float = 15.0) -> None:
    """Each in turn: neither end hears anything of the other, until the line has forgotten both.

    The broker's until both ends have given the other up for want of heartbeats.
    """
    for name, line in house.lines.items():
        line.fall_silent()
        passed, held = line.passed, line.held
        try:
            wait(PAST_HEARTBEATS if name == "broker" else seconds)
            assert line.passed == passed, "nothing passed"
            assert line.held > held or name not in BUSY, "somebody said something that nobody heard"
            line.cut()
        finally:
            line.speak()
        flood.grows(5)


def double_and_shuffle(house: House, flood: Flood, events: int = 100) -> None:
    """Events go to a queue of ours instead, and from there to their consumers, twice and in any order."""
    ours = f"shuffled-{uuid4().hex}"
    everybody = {event_type for types in CONSUMERS.values() for event_type in types}
    with pika.BlockingConnection(pika.URLParameters(house.broker.url)) as connection:
        channel = connection.channel()
        channel.queue_declare(ours)
        for event_type in everybody:
            channel.queue_bind(ours, EXCHANGE, event_type)
        try:
            for service, types in CONSUMERS.items():
                for event_type in types:
                    channel.queue_unbind(queue_of(service), EXCHANGE, event_type)
            gather(channel, ours, events)
        finally:
            # Queues without their bindings must not be, whatever failed, and nobody else has what this one holds.
            declare(channel, CONSUMERS)
            for event_type in everybody:
                channel.queue_unbind(ours, EXCHANGE, event_type)
            doubled = pass_on(channel, ours)
        assert doubled >= FEWEST_EVENTS, "that many came twice"


def gather(channel: BlockingChannel, ours: str, events: int) -> None:
    def come(wanted: int) -> bool:
        return channel.queue_declare(ours, passive=True).method.message_count >= wanted

    eventually(lambda: come(FEWEST_EVENTS), seconds=120)
    # More are better, and not worth a long wait where the machine is slow.
    with suppress(AssertionError):
        eventually(lambda: come(events), seconds=20)


def pass_on(channel: BlockingChannel, ours: str) -> int:
    """How many. The second time under another id, since by its own the inbox would know it: it is for the handlers to tell."""
    held = []
    while (got := channel.basic_get(ours, auto_ack=True))[0] is not None:
        held.append((got, False))
        held.append((got, True))
    random.Random(len(held)).shuffle(held)
    channel.confirm_delivery()
    for (method, properties, body), anew in held:
        headers = {**(properties.headers or {}), **({"ce-id": str(uuid4())} if anew else {})}
        said = pika.BasicProperties(headers=headers, content_type=properties.content_type, delivery_mode=2)
        for service, types in CONSUMERS.items():
            if method.routing_key in types:
                channel.basic_publish("", queue_of(service), body, said)
    channel.queue_delete(ours)
    return len(held) // 2


def jump_clocks(house: House, flood: Flood, jumps: tuple[int, ...] = (+3600, -3600, 0), stay: float = 5.0) -> None:
    """Of every process of ours, while it runs. The servers keep the right time, as they would on machines of their own."""
    for name in NAMES:
        assert all(house.goes_by(pid, house.clock) for pid in house.system.pids(name)), f"{name} goes by this clock"
    try:
        for seconds in jumps:
            house.move_clock(seconds)
            wait(stay)
    finally:
        house.move_clock(0)


def let_one_process_have_the_wrong_time(house: House, flood: Flood) -> None:
    """By an hour, so that nobody takes its tokens; everybody else is right.

    It gets nothing to do before the broker has given up the one whose work it is to do.
    """
    clock = house.data / "wrong-clock"
    house.write_clock(clock, -3600)
    assert abs(house.moved_by(clock) + 3600) < 60, "a process that goes by this clock is late"
    with ExitStack() as others, stopped(house, ["routing-worker"]):
        late = others.enter_context(house.another("routing", "worker", GUICHE_CLOCK=str(clock)))
        eventually(lambda: house.goes_by(late, clock), seconds=60)
        first = next(iter(eventually(lambda: refused_for_their_time(house), seconds=3 * PAST_HEARTBEATS).values()))
        # Each turn puts off what it tried by five seconds, not always the same: what was begun before is tried alone.
        again = first.next_at + timedelta(seconds=20)
        eventually(lambda: max(one.next_at for one in refused_for_their_time(house).values()) > again, seconds=120)
        refused = refused_for_their_time(house)
        assert first.id in refused, "nobody else routes it meanwhile"
        # One for what the stopped one had begun, and one for being tried just now.
        attempts = [one.attempts for one in refused.values()]
        assert max(attempts) <= 2, "a wrong clock uses up no event's attempts"


class RefusedForItsTime(NamedTuple):
    id: UUID
    attempts: int
    next_at: datetime


def refused_for_their_time(house: House) -> dict[UUID, RefusedForItsTime]:
    """By id, what waits to be routed and could not be, since a neighbour took the token for too old; oldest first."""
    rows = house.query(
        "routing",
        "SELECT id, attempts, next_at FROM occurrences "
        "WHERE done_at IS NULL AND last_error LIKE '%%token has expired%%' ORDER BY position",
    )
    return {row[0]: RefusedForItsTime(*row) for row in rows}


Fault = Callable[[House, Flood], None]
