"""Who is connected, what they may be told, and what has happened lately.

Everything but publish() and the two lists it fills runs on the event loop, so that nothing else needs a lock.
"""

import asyncio
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile

from prometheus_client import Counter, Gauge, Histogram

from gateway.failures import TooManyConnections
from gateway.push.changes import READERS, AudienceMoved, TicketChange
from servicekit.telemetry import SECONDS, log, span

RING = 10_000
QUEUE = 256
# Counts are refetched by everybody who is told of them, so nobody is told more often.
COUNTS_SECONDS = 1.0
# The ticket service hears of a moved attendant at about the same time as we do. Who reconnects at once may still get
# the old keys from it, and is therefore asked to connect once more.
SETTLE_SECONDS = 5.0

CONNECTIONS = Gauge("guiche_push_connections", "Open push connections")
PUSHED = Counter("guiche_push_events_total", "Events put into the queues of connections", ["event"])
DELAY = Histogram("guiche_push_seconds", "From a ticket's change to the queues of connections", buckets=SECONDS)

RESYNC = "event: resync\ndata: {}\n\n"
COUNTS = "event: counts\ndata: {}\n\n"


@dataclass(frozen=True, slots=True)
class Entry:
    number: int
    change: TicketChange


@dataclass(eq=False)
class Connection:
    attendant_id: str
    keys: frozenset[str]
    # None: the stream ends after what stands before it.
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(QUEUE + 2))
    ending: bool = False
    counts_at: float = 0.0
    counts_planned: bool = False

    def put(self, text: str, event: str) -> None:
        if self.ending:
            return
        if self.queue.qsize() >= QUEUE:
            self.end(lost=True)
        else:
            self.queue.put_nowait(text)
            PUSHED.labels(event).inc()

    def end(self, lost: bool = False) -> None:
        """Ends the stream with `resync`. lost: what waits is dropped, since the client is too slow for it."""
        if self.ending:
            return
        self.ending = True
        while lost and not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(RESYNC)
        self.queue.put_nowait(None)


class Hub:
    def __init__(self, per_attendant: int, ring: int = RING) -> None:
        self.per_attendant = per_attendant
        # A new process starts to count anew: ids of another one mean nothing here.
        self.epoch = secrets.token_hex(4)
        # The newest event, and the newest that connections were told of: publish() is ahead of the loop.
        self.number = 0
        self.told = 0
        self.ring: deque[Entry] = deque(maxlen=ring)
        self.lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.by_key: dict[str, set[Connection]] = {}
        self.by_attendant: dict[str, set[Connection]] = {}
        self.closed = False

    def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.told = self.number

    def publish(self, event_type: str, payload: bytes, traceparent: str) -> None:
        """From any thread: one event of another service; those that nobody is told of are passed over."""
        reader = READERS.get(event_type)
        if reader is None:
            return
        change = reader(payload)
        if isinstance(change, AudienceMoved):
            self.on_loop(self.audience_moved, change.attendant_id)
            return
        with self.lock:
            self.number += 1
            entry = Entry(self.number, change)
            self.ring.append(entry)
            self.on_loop(self.tell, entry, traceparent)

    def gap(self) -> None:
        """From any thread: events may have been lost, the broker was away. Everybody fetches everything again."""
        with self.lock:
            self.number += 1
            self.ring.clear()
            self.on_loop(self.resync_all, self.number)

    def drain(self) -> None:
        """From any thread: ends every stream, so that the process can end."""
        self.on_loop(self.close)

    def on_loop(self, function: object, *arguments: object) -> None:
        # Before the loop runs there are no connections, and after its end there is nobody left to tell.
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]

    def event_id(self, number: int) -> str:
        return f"{self.epoch}-{number}"

    # ---- on the event loop

    def add(self, connection: Connection) -> None:
        others = self.by_attendant.setdefault(connection.attendant_id, set())
        if len(others) >= self.per_attendant:
            raise TooManyConnections(f"You have {self.per_attendant} event streams open already.")
        others.add(connection)
        for key in connection.keys:
            self.by_key.setdefault(key, set()).add(connection)
        CONNECTIONS.inc()
        if self.closed:
            # It was being made when all others were ended.
            connection.end()

    def remove(self, connection: Connection) -> None:
        discard(self.by_attendant, connection.attendant_id, connection)
        for key in connection.keys:
            discard(self.by_key, key, connection)
        CONNECTIONS.dec()

    def tell(self, entry: Entry, traceparent: str) -> None:
        change, self.told = entry.change, entry.number
        could, can = self.listeners(change.before), self.listeners(change.after)
        with span("push", traceparent, ticket=change.ticket_id, verb=change.verb, connections=len(could | can)):
            for connection in could | can:
                connection.put(self.ticket_event(entry, connection in can), "ticket")
                self.hint_counts(connection)
        if change.at is not None and (could or can):
            # The change was stamped by the clock of another machine, which may be a little ahead.
            DELAY.observe(max(0.0, time.time() - change.at))

    def listeners(self, keys: Iterable[str]) -> set[Connection]:
        return set().union(*(self.by_key.get(key, ()) for key in keys))

    def ticket_event(self, entry: Entry, visible: bool) -> str:
        data = {"ticketId": entry.change.ticket_id, "verb": entry.change.verb, "visible": visible}
        return f"id: {self.event_id(entry.number)}\nevent: ticket\ndata: {json.dumps(data)}\n\n"

    def hint_counts(self, connection: Connection) -> None:
        """At once where a second has passed since the last hint, else when it has."""
        if connection.counts_planned or self.loop is None:
            return
        wait = connection.counts_at + COUNTS_SECONDS - self.loop.time()
        if wait <= 0:
            self.send_counts(connection)
        else:
            connection.counts_planned = True
            self.loop.call_later(wait, self.send_counts, connection)

    def send_counts(self, connection: Connection) -> None:
        assert self.loop is not None
        connection.counts_planned = False
        connection.counts_at = self.loop.time()
        connection.put(COUNTS, "counts")

    def replay(self, connection: Connection, after: int) -> None:
        """Puts what the connection missed since event `after`, or `resync` where that is not known any more."""
        missed = self.told_after(after)
        mine = [entry for entry in missed or () if (entry.change.before | entry.change.after) & connection.keys]
        if missed is None or len(mine) >= QUEUE:
            connection.put(f"id: {self.event_id(self.told)}\n{RESYNC}", "resync")
            return
        for entry in mine:
            connection.put(self.ticket_event(entry, bool(entry.change.after & connection.keys)), "ticket")
        if mine:
            self.hint_counts(connection)

    def told_after(self, number: int) -> list[Entry] | None:
        """What was told after this event, oldest first; None where the ring does not hold all of it any more."""
        with self.lock:
            newer = list(takewhile(lambda entry: entry.number > number, reversed(self.ring)))
        found = [entry for entry in reversed(newer) if entry.number <= self.told]
        return found if len(found) == self.told - number else None

    def known_number(self, last_event_id: str) -> int | None:
        """The number of an id this process gave; None for any other."""
        epoch, _, number = last_event_id.partition("-")
        if epoch != self.epoch or not number.isdecimal() or len(number) > 18:
            return None
        return int(number)

    def audience_moved(self, attendant_id: str) -> None:
        assert self.loop is not None
        self.end_all(attendant_id)
        self.loop.call_later(SETTLE_SECONDS, self.end_all, attendant_id)

    def end_all(self, attendant_id: str) -> None:
        for connection in self.by_attendant.get(attendant_id, ()):
            connection.end()

    def resync_all(self, number: int) -> None:
        self.told = number
        log("gateway").warning("push_resync", connections=sum(map(len, self.by_attendant.values())))
        for connections in self.by_attendant.values():
            for connection in connections:
                connection.put(f"id: {self.event_id(number)}\n{RESYNC}", "resync")

    def close(self) -> None:
        self.closed = True
        for attendant_id in list(self.by_attendant):
            self.end_all(attendant_id)


def discard(index: dict[str, set[Connection]], key: str, connection: Connection) -> None:
    """An entry without connections is removed, since attendants come and go for months."""
    index[key].discard(connection)
    if not index[key]:
        del index[key]
