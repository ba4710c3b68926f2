"""Opening tickets: once per message, with a protocol that nobody else has."""

import contextlib
import threading
import zoneinfo
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from guiche.ticket.v1 import ticket_events_pb2, ticket_pb2, ticket_service_pb2
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select, text
from ticket_support import Calls, Clock, Company, opening, serving

from servicekit.database import Database
from servicekit.events.outbox import OUTBOX
from servicekit.rpc.caller import Attendant
from servicekit.tokens import Keys
from ticket.domain import protocols


def open_batch(
    calls: Calls, openings: list[ticket_service_pb2.TicketOpening]
) -> ticket_service_pb2.OpenTicketsResponse:
    request = ticket_service_pb2.OpenTicketsRequest(openings=openings)
    return calls.routing.call(calls.inner.OpenTickets, request, timeout=30)


def test_a_ticket_opened_by_its_customer_is_open_unheld_and_told_of(
    calls: Calls, company: Company, database: Database
) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    ticket = calls.get(company.ana, ticket_id)
    assert ticket.status == ticket_pb2.TICKET_STATUS_OPEN
    assert not ticket.HasField("holder")
    assert (ticket.opened_by.kind, ticket.opened_by.name) == (ticket_pb2.ACTOR_KIND_CUSTOMER, "Maria Cliente")
    assert (ticket.department.name, ticket.level.name) == ("Atendimento", "N1")
    assert ticket.interactions == 0
    assert list(ticket.allowed_verbs) == ["start", "reply", "setPriority", "setServiceType", "finalize"]
    with database.transaction() as connection:
        row = connection.execute(select(OUTBOX)).one()
    event = ticket_events_pb2.TicketOpened.FromString(row.payload)
    assert row.aggregate == event.ticket.id == ticket_id
    assert event.ticket.protocol == ticket.protocol
    assert list(event.audience.before) == []
    assert set(event.audience.after) == {f"l:{company.n1}", f"w:{company.n1}"}


def test_the_protocol_is_the_local_date_and_time_of_opening(calls: Calls, company: Company) -> None:
    (ticket_id,) = calls.open(company, company.n1)
    # The clock of the tests has moved one second; São Paulo is three hours behind UTC.
    assert calls.get(company.ana, ticket_id).protocol == "20260309120406678"


def test_tickets_opened_together_are_numbered_by_the_milliseconds_after_each_other(
    calls: Calls, company: Company
) -> None:
    answer = open_batch(calls, [opening(company, company.n1) for _ in range(50)])
    numbers = sorted(ticket.protocol for ticket in answer.tickets)
    assert numbers == [f"20260309120406{millisecond}" for millisecond in range(678, 728)]


def test_one_that_opens_amid_the_milliseconds_of_a_great_batch_finds_a_number_too(
    calls: Calls, company: Company, clock: Clock
) -> None:
    clock.stand()
    batch = {ticket_id for _ in range(2) for ticket_id in calls.open(company, company.n1, 100)}
    (late,) = calls.open(company, company.n1)
    assert late not in batch
    assert calls.get(company.ana, late).protocol.startswith("20260309")


def test_the_same_message_opens_one_ticket_however_often_it_is_told(calls: Calls, company: Company) -> None:
    said = [opening(company, company.n1) for _ in range(3)]
    first = open_batch(calls, said)
    again = open_batch(calls, [*reversed(said), opening(company, company.n1)])
    assert [t.ticket_id for t in again.tickets[:3]] == [t.ticket_id for t in reversed(first.tickets)]
    assert len(calls.ids(company.ana)) == 4


def test_a_message_told_twice_within_one_batch_opens_one_ticket(calls: Calls, company: Company) -> None:
    said = opening(company, company.n1)
    answer = open_batch(calls, [said, said])
    assert answer.tickets[0] == answer.tickets[1]
    assert len(calls.ids(company.ana)) == 1


def test_racing_batches_that_share_messages_open_each_once(calls: Calls, company: Company, database: Database) -> None:
    said = [opening(company, company.n1) for _ in range(30)]
    batches = [said[start:] + said[:start] for start in range(0, 30, 5)]
    with ThreadPoolExecutor(len(batches)) as pool:
        answers = list(pool.map(lambda batch: open_batch(calls, batch), batches))
    assert {t.ticket_id for answer in answers for t in answer.tickets} == set(calls.ids(company.ana, page_size=100))
    with database.transaction() as connection:
        told = Counter(connection.scalars(select(OUTBOX.c.aggregate)))
    assert len(told) == 30
    assert set(told.values()) == {1}


def test_batches_whose_new_publishers_cross_do_not_wait_for_each_other(
    calls: Calls, company: Company, database: Database
) -> None:
    conversations = [str(uuid4()) for _ in range(2)]
    for conversation in conversations:
        calls.open(company, company.n1, conversation_id=conversation)
    first, second = str(uuid4()), str(uuid4())
    # Each publisher writes on a live ticket in one batch, and opens a ticket in the other.
    batches = [
        [
            opening(company, company.n1, publisher_id=one, conversation_id=conversation),
            opening(company, company.n1, publisher_id=other),
        ]
        for conversation, one, other in zip(conversations, (first, second), (second, first), strict=True)
    ]
    both = threading.Barrier(2)

    def meet(*said: object) -> None:
        """Each has put in its first publishers before either goes on; where one already waits, the other goes on."""
        if str(said[2]).startswith("INSERT INTO publishers"):
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(timeout=1)

    event.listen(database.engine, "after_cursor_execute", meet)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda batch: open_batch(calls, batch), batches))
    assert all(len({found.ticket_id for found in answer.tickets}) == 2 for answer in answers)


def test_a_batch_takes_no_more_statements_than_a_single_opening(
    calls: Calls, company: Company, database: Database
) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    calls.open(company, company.n1)
    alone = len(statements)
    statements.clear()
    calls.open(company, company.n1, 20)
    # All of a batch share their millisecond, so it takes three further rounds of numbers, of two statements each.
    assert len(statements) <= alone + 6


def test_many_openings_in_the_same_millisecond_get_different_protocols_of_that_day(
    calls: Calls, company: Company, clock: Clock, database: Database
) -> None:
    clock.stand()
    with ThreadPoolExecutor(8) as pool:
        ids = [i for batch in pool.map(lambda _: calls.open(company, company.n1, 100), range(8)) for i in batch]
    with database.transaction() as connection:
        numbers = list(connection.scalars(text("SELECT protocol FROM tickets")))
    assert len(set(numbers)) == len(numbers) == len(ids) == 800
    assert all(len(number) == 17 and number.startswith("20260309") for number in numbers)


class RestlessClock(Clock):
    """Passes midnight of São Paulo while ten thousand tickets open, and is set back a second again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 3, 10, 2, 59, 58, tzinfo=UTC)
        self.lock = threading.Lock()
        self.looks = 0

    def __call__(self) -> datetime:
        with self.lock:
            self.looks += 1
            self.now += timedelta(milliseconds=60) - timedelta(seconds=1 if self.looks % 25 == 0 else 0)
            return self.now


def test_ten_thousand_by_eight_writers_over_midnight_and_with_a_clock_set_back_all_differ(
    database: Database, company: Company, keys_of: Callable[[str], Keys]
) -> None:
    with serving(database, keys_of, RestlessClock()) as calls, ThreadPoolExecutor(8) as pool:
        given_out = list(pool.map(lambda _: calls.open(company, company.n1, 100), range(100)))
    with database.transaction() as connection:
        opened = connection.execute(text("SELECT protocol, opened_at FROM tickets")).all()
    assert len({ticket_id for batch in given_out for ticket_id in batch}) == 10_000
    assert len({row.protocol for row in opened}) == len(opened) == 10_000
    assert {row.protocol[:8] for row in opened} == {"20260309", "20260310"}
    here = ZoneInfo("America/Sao_Paulo")
    for row in opened:
        assert len(row.protocol) == 17
        assert row.protocol[:8] == f"{row.opened_at.astimezone(here):%Y%m%d}"


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)),  # hypothesis wants naive bounds
    st.sampled_from(["America/Sao_Paulo", "America/Manaus", "America/Noronha", "UTC"]),
    st.integers(0, 1000),
)
def test_any_candidate_has_17_digits_under_the_local_date(moment: datetime, zone: str, later_ms: int) -> None:
    now = moment.replace(tzinfo=UTC)
    number = protocols.candidate(now, zone, later_ms)
    assert len(number) == 17
    assert number.isdigit()
    assert number[:8] == f"{now.astimezone(ZoneInfo(zone)):%Y%m%d}"


def test_the_local_date_is_known_on_a_machine_without_time_zones_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "ZoneInfo", ZoneInfo.no_cache)
    zoneinfo.reset_tzpath(to=[])
    try:
        midnight = datetime(2026, 3, 10, 2, 30, tzinfo=UTC)
        assert protocols.candidate(midnight, "America/Sao_Paulo", 0).startswith("20260309")
    finally:
        zoneinfo.reset_tzpath()


def test_a_ticket_whose_place_is_not_announced_yet_still_opens_and_shows_once_it_is(
    calls: Calls, company: Company
) -> None:
    unknown = uuid4()
    (ticket_id,) = calls.open(company, unknown)
    assert ticket_id
    assert calls.ids(Attendant(company.ana.id, company.ana.organization_id)) == []
