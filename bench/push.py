"""How long after its commit a change of a ticket is at another attendant's browser, and what a thousand open push connections cost.

Usage: .venv/bin/python bench/push.py [EVENTS] [CONNECTIONS] [IDLE_SECONDS]   (default 300 changes at 10 a second, 1000 connections, 60 s)
One attendant changes a ticket's priority over the API; a supervisor listens to the server-sent events, as the web app does. The time
of the commit is PostgreSQL's (track_commit_timestamp, which is taken before the commit is on disk). First with nobody else connected,
then beside the connections of somebody who sees none of these tickets, then beside as many who are told of each change as well.
Limits of the same run: NOTIFY until it is heard, on the same PostgreSQL, and a message of 200 bytes there and back over loopback TCP.
"""

# ruff: noqa: T201 -- prints its figures.

import http.client
import json
import queue
import resource
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from processes import cpu, descendants, memory
from system import CONTEXT, Crowd, System, ask, idle, machine, running, show

RATE = 10.0
ARRIVES_SECONDS = 20.0
SAMPLES = 1000
# Of files that one process may have open: as many connections, and what it has anyway.
SPARE_FILES = 500
PRIORITIES = ("LOW", "HIGH")


@dataclass(frozen=True)
class Event:
    at: float
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Delays:
    """Milliseconds until the event is there, from the commit and from the answer to who made the change."""

    commit: Crowd
    answer: Crowd


def main(events: int, connections: int, idle_seconds: float) -> None:
    print(f"{machine()}; {events} changes at {RATE:g} a second, {connections} connections, idle for {idle_seconds:g} s")
    allow_files(connections + SPARE_FILES)
    delays: dict[str, Delays] = {}
    gateway: list[list[str]] = []
    with (
        TemporaryDirectory(prefix="guiche-bench-") as folder,
        running(Path(folder), commit_times=True, PUSH_CONNECTIONS=connections + SPARE_FILES) as system,
    ):
        tickets = own_tickets(system)
        # A stream ends when its attendant's places are announced, which may still come of the demo's.
        idle(system)
        measured_delays(system, tickets, max(5, events // 10))  # Warms up.
        for name, username, count in (
            ("nobody else", "", 0),
            (f"{connections} idle", "davi", connections),
            (f"{connections} told as well", "carla", connections),
        ):
            with connected(system, username, count):
                if username != "carla":
                    gateway.append([name, *gateway_figures(system, idle_seconds)])
                delays[name] = measured_delays(system, tickets, events)
        limits = {"NOTIFY until it is heard": notifying(system), "200 bytes there and back by TCP": pinging()}
    show_delays(delays, limits)
    show(["gateway", "PSS MB", "RSS MB", "CPU-ms a minute"], gateway)


def allow_files(wanted: int) -> None:
    """For this process and all that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def own_tickets(system: System) -> list[str]:
    """The open ones of the demo, which Ana starts, so that their changes are for her and the supervisor alone."""
    token = system.token("ana")
    rows = [row for row in ask(system.port, "/tickets?pageSize=100", token)["tickets"] if row["status"] == "OPEN"]
    return [str(ask(system.port, f"/tickets/{row['id']}:start", token, {})["id"]) for row in rows]


# ---- from a commit to the browser


def measured_delays(system: System, tickets: Sequence[str], events: int) -> Delays:
    token, from_commit, from_answer = system.token("ana"), [], []
    began = time.monotonic()
    with (
        listening(system, "carla") as heard,
        psycopg.connect(system.database("ticket"), autocommit=True) as connection,
    ):
        for number in range(events):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            ticket_id = tickets[number % len(tickets)]
            ask(
                system.port,
                f"/tickets/{ticket_id}:setPriority",
                token,
                {"priority": another_priority(connection, ticket_id)},
            )
            answered = time.time()
            arrived = arrival(heard, ticket_id)
            from_commit.append(1000 * (arrived - committed(connection, ticket_id)))
            from_answer.append(1000 * (arrived - answered))
    seconds = time.monotonic() - began
    return Delays(Crowd(from_commit, seconds), Crowd(from_answer, seconds))


def another_priority(connection: psycopg.Connection, ticket_id: str) -> str:
    row = connection.execute("SELECT priority FROM tickets WHERE id = %s", (ticket_id,)).fetchone()
    return PRIORITIES[row == (PRIORITIES[0],)]


def committed(connection: psycopg.Connection, ticket_id: str) -> float:
    query = "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM tickets WHERE id = %s"
    [at] = connection.execute(query, (ticket_id,)).fetchone() or [0]
    return float(at)


def arrival(heard: "queue.Queue[Event]", ticket_id: str) -> float:
    while True:
        event = heard.get(timeout=ARRIVES_SECONDS)
        if event.kind == "ticket" and event.data["ticketId"] == ticket_id and event.data["verb"] == "prioritySet":
            return event.at


@contextmanager
def listening(system: System, username: str) -> "Iterator[queue.Queue[Event]]":
    connection, answer = opened(system.port, system.token(username))
    heard: queue.Queue[Event] = queue.Queue()
    thread = threading.Thread(target=read_events, args=(answer, heard), daemon=True)
    thread.start()
    # The first lines come once it is listened for events.
    heard.get(timeout=ARRIVES_SECONDS)
    yield heard
    assert connection.sock is not None
    connection.sock.shutdown(socket.SHUT_RDWR)
    thread.join()
    connection.close()


def opened(port: int, token: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    return connection, answer


def read_events(answer: http.client.HTTPResponse, heard: "queue.Queue[Event]") -> None:
    """Until the connection ends; what stands before the first event counts as one."""
    fields: dict[str, str] = {}
    try:
        while line := answer.readline():
            at = time.time()
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif fields:
                heard.put(Event(at, fields.get("event", ""), json.loads(fields.get("data", "{}"))))
                fields = {}
    except (OSError, http.client.HTTPException, ValueError):
        return


# ---- many connections


@contextmanager
def connected(system: System, username: str, count: int) -> Iterator[None]:
    """So many event streams of one attendant, which another process reads."""
    if not count:
        yield
        return
    ready = CONTEXT.Event()
    process = CONTEXT.Process(target=hold, args=(system.port, system.token(username), count, ready), daemon=True)
    process.start()
    try:
        assert ready.wait(120), "the connections were not opened in time"
        yield
    finally:
        process.terminate()
        process.join()


def hold(port: int, token: str, count: int, ready: Any) -> None:
    held = [opened(port, token) for _ in range(count)]
    with selectors.DefaultSelector() as selector:
        for connection, _ in held:
            assert connection.sock is not None
            selector.register(connection.sock, selectors.EVENT_READ, connection.sock)
        ready.set()
        while True:
            for key, _ in selector.select():
                if not key.data.recv(65536):
                    selector.unregister(key.data)


def gateway_figures(system: System, seconds: float) -> list[str]:
    pid = system.processes["gateway"]
    before = cpu(pid)
    time.sleep(seconds)
    used = 1000 * (cpu(pid) - before) * 60 / seconds
    pss, rss = memory([pid, *descendants(pid)])
    return [f"{pss:.0f}", f"{rss:.0f}", f"{used:.0f}"]


# ---- limits


def notifying(system: System) -> Crowd:
    url = system.database("ticket")
    with psycopg.connect(url, autocommit=True) as listener, psycopg.connect(url, autocommit=True) as notifier:
        listener.execute("LISTEN bench")

        def once() -> None:
            notifier.execute("NOTIFY bench")
            assert list(listener.notifies(timeout=5, stop_after=1))

        return repeated(once)


def pinging() -> Crowd:
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = CONTEXT.Process(target=echo, args=(server,), daemon=True)
        process.start()
        with socket.create_connection(server.getsockname()) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def once() -> None:
                client.sendall(b"x" * 200)
                assert client.recv(200)

            found = repeated(once)
        process.join()
        return found


def echo(server: socket.socket) -> None:
    client, _ = server.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while said := client.recv(200):
        client.sendall(said)


def repeated(once: Callable[[], None]) -> Crowd:
    times, start = [], time.monotonic()
    for _ in range(SAMPLES):
        began = time.monotonic()
        once()
        times.append(1000 * (time.monotonic() - began))
    return Crowd(times, time.monotonic() - start)


def show_delays(delays: dict[str, Delays], limits: dict[str, Crowd]) -> None:
    rows = []
    for name, found in delays.items():
        rows.append([f"from the commit, {name}", *told(found.commit)])
        rows.append([f"from the answer, {name}", *told(found.answer)])
    rows += [[f"limit: {name}", *told(found)] for name, found in limits.items()]
    show(["ms until it is at the browser", "median", "95 %", "worst"], rows)


def told(found: Crowd) -> list[str]:
    return [f"{value:.2f}" for value in (found.median, found.high, max(found.times))]


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:4]]
    asked = given + [300, 1000, 60][len(given) :]
    main(int(asked[0]), int(asked[1]), asked[2])
