"""Server-sent events over a real socket."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from guiche.routing.v1.directory_events_pb2 import AttendantChanged
from guiche.ticket.v1.ticket_events_pb2 import (
    AudienceChange,
    TicketDeliveryChanged,
    TicketOpened,
    TicketStarted,
    TicketState,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from gateway.push import hub as hubs
from gateway.push.changes import VERBS
from gateway.push.hub import QUEUE, RESYNC, Connection, Hub
from gateway.testing import Running, World, serving, settings_for
from servicekit import telemetry
from servicekit.testing import eventually

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


Listen = Callable[..., Any]


def opened(ticket_id: str, after: list[str]) -> tuple[str, bytes, str]:
    event = TicketOpened(ticket=TicketState(id=ticket_id), audience=AudienceChange(after=after))
    return TicketOpened.DESCRIPTOR.full_name, event.SerializeToString(), ""


def started(ticket_id: str, before: list[str], after: list[str]) -> tuple[str, bytes, str]:
    event = TicketStarted(ticket=TicketState(id=ticket_id), audience=AudienceChange(before=before, after=after))
    return TicketStarted.DESCRIPTOR.full_name, event.SerializeToString(), ""


def moved(attendant: str) -> tuple[str, bytes, str]:
    return AttendantChanged.DESCRIPTOR.full_name, AttendantChanged(id=attendant).SerializeToString(), ""


def ticket_data(ticket_id: str, verb: str, visible: bool) -> str:
    return f'{{"ticketId": "{ticket_id}", "verb": "{verb}", "visible": {str(visible).lower()}}}'


def test_a_new_ticket_is_told_to_those_who_may_see_it_and_to_nobody_else(gateway: Running, listen: Listen) -> None:
    with listen(["l:n1"]) as member, listen(["l:n2", "d:other"]) as stranger:
        gateway.app.hub.publish(*opened("t1", ["l:n1", "d:x"]))
        gateway.app.hub.publish(*opened("t2", ["l:n2"]))
        assert member.next().data == ticket_data("t1", "opened", True)
        assert stranger.next().data == ticket_data("t2", "opened", True)


def test_a_started_ticket_vanishes_for_all_but_its_holder(gateway: Running, listen: Listen) -> None:
    with listen(["l:n1", "a:ana@n1"]) as ana, listen(["l:n1", "a:bruno@n1"]) as bruno:
        gateway.app.hub.publish(*started("t1", ["l:n1"], ["a:ana@n1", "d:x"]))
        assert ana.next().data == ticket_data("t1", "started", True)
        assert bruno.next().data == ticket_data("t1", "started", False)


@pytest.mark.parametrize("event_type", VERBS, ids=VERBS.get)
def test_every_verb_is_told_in_the_words_of_the_routes(gateway: Running, listen: Listen, event_type: type[Any]) -> None:
    with listen(["a:ana@n1"]) as ana, listen(["l:n1"]) as bruno:
        audience = AudienceChange(before=["a:ana@n1"], after=["a:ana@n1", "l:n1"])
        event = event_type(ticket=TicketState(id="t1"), audience=audience)
        gateway.app.hub.publish(event_type.DESCRIPTOR.full_name, event.SerializeToString(), "")
        for listener in (ana, bruno):
            assert listener.next().data == ticket_data("t1", VERBS[event_type], True)
        event.audience.after.pop()
        event.audience.before.append("l:n1")
        gateway.app.hub.publish(event_type.DESCRIPTOR.full_name, event.SerializeToString(), "")
        assert ana.next().data == ticket_data("t1", VERBS[event_type], True)
        assert bruno.next().data == ticket_data("t1", VERBS[event_type], False)


def test_the_words_that_front_ends_know_stay() -> None:
    known = (
        "opened started replied messageAppended awaited awaitingExpired released followed statusSet prioritySet "
        "serviceTypeSet concluded finalized reopened deliveryChanged continued"
    )
    assert set(known.split()) <= set(VERBS.values())


def test_what_becomes_of_a_message_does_not_count_as_a_late_push(gateway: Running, listen: Listen) -> None:
    def measured() -> float:
        return REGISTRY.get_sample_value("guiche_push_seconds_count") or 0.0

    with listen(["l:n1"]) as ana:
        before = measured()
        event = TicketDeliveryChanged(ticket=TicketState(id="t1"), audience=AudienceChange(after=["l:n1"]))
        gateway.app.hub.publish(TicketDeliveryChanged.DESCRIPTOR.full_name, event.SerializeToString(), "")
        gateway.app.hub.publish(*opened("t2", ["l:n1"]))
        assert [ana.next().data for _ in range(2)][1] == ticket_data("t2", "opened", True)
        assert eventually(lambda: measured() - before) == 1


def test_counts_are_hinted_at_most_once_a_second(gateway: Running, listen: Listen) -> None:
    with listen(["l:n1"]) as listener:
        for number in range(20):
            gateway.app.hub.publish(*opened(f"t{number}", ["l:n1"]))
        names = [listener.next(skip=()).name for _ in range(22)]
        assert names.count("counts") == 2, "the first at once, the other nineteen together"
        assert names[-1] == "counts"
        gateway.app.hub.publish(*opened("last", ["l:n1"]))
        assert [listener.next(skip=()).name for _ in range(2)] == ["ticket", "counts"]


def test_who_comes_back_gets_what_was_missed(gateway: Running, listen: Listen) -> None:
    with listen(["l:n1"]) as listener:
        last_id = listener.last_id
    gateway.app.hub.publish(*opened("t1", ["l:n1"]))
    gateway.app.hub.publish(*opened("hidden", ["l:n2"]))
    gateway.app.hub.publish(*started("t2", ["l:n1"], []))
    with listen(["l:n1"], last_id=last_id) as listener:
        assert listener.next().data == ticket_data("t1", "opened", True)
        assert listener.next().data == ticket_data("t2", "started", False)
        last_id = listener.last_id
    with listen(["l:n1"], last_id=last_id) as listener:
        gateway.app.hub.publish(*opened("t3", ["l:n1"]))
        assert listener.next().data == ticket_data("t3", "opened", True)


@pytest.mark.parametrize("last_id", ["abcdef01-3", "nonsense", "-", "x-x", "{epoch}-99999999", "{epoch}-" + "9" * 40])
def test_an_id_that_nobody_here_gave_means_resync(gateway: Running, listen: Listen, last_id: str) -> None:
    with listen(["l:n1"], last_id=last_id.format(epoch=gateway.app.hub.epoch)) as listener:
        assert listener.greeting.get("event") == "resync" or listener.next().name == "resync"


def test_what_happens_while_the_keys_are_fetched_is_not_lost(gateway: Running, world: World, listen: Listen) -> None:
    world.during_audience = lambda: gateway.app.hub.publish(*opened("t1", ["l:n1"]))
    with listen(["l:n1"]) as listener:
        assert listener.next().data == ticket_data("t1", "opened", True)


def test_a_stream_that_opens_while_the_gateway_ends_is_ended_too() -> None:
    hub, connection = Hub(per_attendant=10), Connection("ana", frozenset({"l:n1"}))
    hub.close()
    hub.add(connection)
    assert [connection.queue.get_nowait() for _ in range(2)] == [RESYNC, None]


def test_an_attendant_whose_place_changed_is_asked_to_connect_anew(
    gateway: Running, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "SETTLE_SECONDS", 1.5)
    attendant = str(uuid4())
    with listen(["l:n1"], attendant) as mine, listen(["l:n1"]) as other:
        gateway.app.hub.publish(*moved(attendant))
        assert mine.next().name == "resync"
        assert mine.ended()
        # Who is back at once may have got the old keys: the ticket service hears of it at the same time.
        with listen(["l:n1"], attendant) as again:
            assert again.next().name == "resync"
            assert again.ended()
        gateway.app.hub.publish(*opened("t1", ["l:n1"]))
        assert other.next().data == ticket_data("t1", "opened", True)


def test_a_gap_of_the_broker_makes_everybody_fetch_again(gateway: Running, listen: Listen) -> None:
    with listen(["l:n1"]) as listener:
        before = listener.last_id
        gateway.app.hub.gap()
        assert listener.next().name == "resync"
        after = listener.last_id
        gateway.app.hub.publish(*opened("t1", ["l:n1"]))
        assert listener.next().data == ticket_data("t1", "opened", True)
    with listen(["l:n1"], last_id=before) as listener:
        assert listener.next().name == "resync"
    with listen(["l:n1"], last_id=after) as listener:
        assert listener.next().data == ticket_data("t1", "opened", True)


def test_the_stream_ends_with_the_token(world: World, listen: Listen) -> None:
    with listen(["l:n1"], token=world.token(seconds=2)) as listener:
        while not listener.ended():
            pass


def test_an_idle_stream_shows_that_it_lives(gateway: Running, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.app.asgi.stream, "heartbeat", 0.05)
    with listen(["l:n1"]) as listener:
        assert listener.block() == {"": "still here"}
        assert listener.block() == {"": "still here"}


def test_an_attendant_has_a_limited_number_of_streams(
    keys_folder: Path, addresses: dict[str, str], world: World
) -> None:
    attendant = str(uuid4())
    with (
        serving(settings_for(keys_folder, push_connections=2, **addresses)) as running,
        httpx.Client(base_url=running.url, trust_env=False) as client,
    ):

        def stream() -> Any:
            return client.stream("GET", "/api/v1/events", headers=world.headers(attendant))

        with stream() as first, stream() as second, stream() as third:
            assert [first.status_code, second.status_code] == [200, 200]
            third.read()
            assert (third.status_code, third.json()["code"]) == (429, "TOO_MANY_CONNECTIONS")
        eventually(lambda: not running.app.hub.by_attendant)


def test_the_push_continues_the_trace_of_its_event(
    gateway: Running, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(telemetry, "TRACER", provider.get_tracer("test"))
    with listen(["l:traced"]) as listener:
        name, payload, _ = opened("t1", ["l:traced"])
        gateway.app.hub.publish(name, payload, TRACE)
        listener.next()
    eventually(spans.get_finished_spans)
    span = next(span for span in spans.get_finished_spans() if span.name == "push")
    assert span.context is not None
    assert format(span.context.trace_id, "032x") == TRACE.split("-")[1]
    assert span.attributes == {"ticket": "t1", "verb": "opened", "connections": 1}


def test_the_delay_from_change_to_push_is_measured(gateway: Running, listen: Listen) -> None:
    def measured(name: str) -> float:
        return REGISTRY.get_sample_value(f"guiche_push_seconds_{name}") or 0.0

    with listen(["l:timed"]) as listener:
        state = TicketState(id="t1")
        state.last_activity_at.FromNanoseconds(time.time_ns() - 2 * 10**9)
        event = TicketOpened(ticket=state, audience=AudienceChange(after=["l:timed"]))
        count, total = measured("count"), measured("sum")
        gateway.app.hub.publish(TicketOpened.DESCRIPTOR.full_name, event.SerializeToString(), "")
        listener.next()
        eventually(lambda: measured("count") == count + 1)
        assert 2 <= measured("sum") - total < 30


def test_what_breaks_before_a_stream_begins_is_an_internal_error_and_says_no_more(
    gateway: Running, client: httpx.Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> list[str]:
        raise RuntimeError("secret text")

    monkeypatch.setattr(gateway.app.asgi.stream, "audience", broken)
    answer = client.get("/api/v1/events", headers=world.headers())
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text


def test_events_nobody_is_told_of_are_passed_over(gateway: Running) -> None:
    number = gateway.app.hub.number
    gateway.app.hub.publish("guiche.mail.v1.MessageReceived", b"\xff", "")
    assert gateway.app.hub.number == number


def test_a_client_that_does_not_read_is_dropped_and_holds_nobody_up(
    gateway: Running, world: World, listen: Listen
) -> None:
    slow = str(uuid4())
    world.audience[slow] = ["l:n1"]
    address = httpx.URL(gateway.url)
    with socket.socket() as deaf, listen(["l:n1"]) as reader:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.connect((address.host, address.port))
        request = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.token(slow)}\r\n\r\n"
        deaf.sendall(request.encode())
        eventually(lambda: slow in gateway.app.hub.by_attendant)
        connection = next(iter(gateway.app.hub.by_attendant[slow]))
        number = 0
        while not connection.ending:
            # The reader keeps pace, so that only the deaf one can overflow. Long ids fill the system's buffers sooner.
            for _ in range(100):
                number += 1
                gateway.app.hub.publish(*opened(f"{number:04000}", ["l:n1"]))
            while reader.next().data != ticket_data(f"{number:04000}", "opened", True):
                pass
            assert number < 20_000, "the deaf client never overflowed"
        assert connection.queue.qsize() <= 2


def test_an_overflowing_queue_holds_resync_and_the_end_alone() -> None:
    async def overflow() -> list[str | None]:
        connection = Connection("a", frozenset())
        for _ in range(QUEUE + 50):
            connection.put("x", "ticket")
        return [connection.queue.get_nowait() for _ in range(connection.queue.qsize())]

    assert asyncio.run(overflow()) == [RESYNC, None]


def test_the_ring_forgets_the_oldest_and_then_says_resync() -> None:
    async def replayed(after: int) -> list[str | None]:
        hub = Hub(per_attendant=1, ring=3)
        hub.start()
        for number in range(5):
            hub.publish(*opened(f"t{number}", ["l:n1"]))
        await asyncio.sleep(0)
        connection = Connection("a", frozenset(["l:n1"]))
        hub.replay(connection, after)
        return [connection.queue.get_nowait() for _ in range(connection.queue.qsize())]

    assert len(asyncio.run(replayed(2))) == 4, "three tickets and the counts"
    assert len(asyncio.run(replayed(5))) == 0
    for after in (1, 0, 6):
        assert "resync" in str(asyncio.run(replayed(after)))


def test_a_thousand_idle_connections_cost_no_threads(
    keys_folder: Path, addresses: dict[str, str], world: World
) -> None:
    attendant = str(uuid4())
    world.audience[attendant] = ["l:n1"]
    with serving(settings_for(keys_folder, push_connections=1_000, attendant_rate=0, **addresses)) as running:
        url = httpx.URL(running.url)
        token = world.token(attendant)

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection(url.host, url.port)
            request = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
            writer.write(request.encode())
            await reader.readuntil(b"retry:")
            return reader, writer

        async def run() -> int:
            connections = []
            for _ in range(20):
                connections += await asyncio.gather(*(connect() for _ in range(50)))
            threads = threading.active_count()
            running.app.hub.publish(*opened("t1", ["l:n1"]))
            await asyncio.gather(*(reader.readuntil(b'"ticketId": "t1"') for reader, _ in connections))
            for _, writer in connections:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for _, writer in connections))
            return threads

        before = threading.active_count()
        assert asyncio.run(run()) - before < 20
        eventually(lambda: not running.app.hub.by_attendant)
