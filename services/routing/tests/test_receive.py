"""Messages become occurrences, once each."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from guiche.common.v1 import reference_pb2
from guiche.mail.v1.message_events_pb2 import MessageReceived
from guiche.mail.v1.message_pb2 import MailAddress
from sqlalchemy import Connection, Row, func, select

from routing.consumers import CONSUMES, message_received
from routing.domain.occurrences import State
from routing.storage.tables import OCCURRENCES
from servicekit.database import Database
from servicekit.events import inbox_rows, topology
from servicekit.events.envelope import Envelope, type_of
from servicekit.events.inbox import inbox_worker
from servicekit.ids import new_id
from servicekit.testing import eventually

AT = datetime(2026, 3, 4, 12, 30, 15, tzinfo=UTC)


def message(**fields: object) -> MessageReceived:
    event = MessageReceived(
        message_id=str(uuid4()),
        organization_id=str(uuid4()),
        account_id=str(uuid4()),
        conversation_id=str(uuid4()),
        platform=reference_pb2.PLATFORM_EMAIL,
        sender=MailAddress(name="Maria", email="maria@exemplo.com"),
        subject="Pedido atrasado",
        snippet="Bom dia",
    )
    event.received_at.FromDatetime(AT)
    event.MergeFrom(MessageReceived(**fields))  # type: ignore[arg-type]
    return event


def occurrence(connection: Connection, event: MessageReceived) -> Row[tuple[object, ...]]:
    return connection.execute(select(OCCURRENCES).where(OCCURRENCES.c.id == UUID(event.message_id))).one()


def test_a_message_told_twice_is_one_occurrence(connection: Connection) -> None:
    event = message()
    message_received(connection, event)
    message_received(connection, event)
    row = occurrence(connection, event)
    assert (row.state, row.reason, row.done_at, row.ticket_id) == (State.NEW, "", None, None)
    assert (row.sender_name, row.sender_address, row.subject) == ("Maria", "maria@exemplo.com", "Pedido atrasado")
    assert (row.platform, row.occurred_at) == ("EMAIL", AT)
    assert (str(row.account_id), str(row.conversation_id)) == (event.account_id, event.conversation_id)


@pytest.mark.parametrize("why", ["auto-submitted", "bounce"])
def test_automatic_mail_opens_nothing(connection: Connection, why: str) -> None:
    event = message(automatic=why)
    message_received(connection, event)
    row = occurrence(connection, event)
    assert (row.state, row.reason) == (State.DISMISSED, "AUTOMATIC")
    assert row.done_at is not None


def test_hostile_text_is_cut_to_what_the_neighbours_take(connection: Connection) -> None:
    sender = MailAddress(name="N\0" * 1000, email="a" * 308 + "@exemplo.com")
    event = message(subject="S\0" + "é" * 5000, snippet="x\0" * 5000, sender=sender)
    message_received(connection, event)
    row = occurrence(connection, event)
    assert row.subject == "S" + "é" * 997
    assert row.snippet == "x" * 200
    assert row.sender_name == "N" * 300
    assert len(row.sender_address) == 320


@pytest.mark.parametrize("email", ["a" * 309 + "@exemplo.com", "a\0b@exemplo.com", "a@b\r\nc", "  ", "a\u202eb@c"])
def test_an_address_that_cannot_be_one_names_nobody(connection: Connection, email: str) -> None:
    event = message(sender=MailAddress(email=email))
    message_received(connection, event)
    assert occurrence(connection, event).sender_address == ""


def test_a_platform_of_a_newer_version_is_another(connection: Connection) -> None:
    event = message()
    event.platform = 99  # type: ignore[assignment]
    message_received(connection, event)
    assert occurrence(connection, event).platform == "OTHER"


def test_a_message_without_a_time_gets_one(connection: Connection) -> None:
    event = message()
    event.ClearField("received_at")
    message_received(connection, event)
    assert occurrence(connection, event).occurred_at.year >= 2026


def test_every_event_it_is_sent_is_handled() -> None:
    topology.check("routing", CONSUMES)


@pytest.fixture
def inbox(database: Database) -> Iterator[Database]:
    stop = threading.Event()
    thread = threading.Thread(target=inbox_worker(database, "routing", CONSUMES), args=(stop,))
    thread.start()
    try:
        yield database
    finally:
        stop.set()
        thread.join()


def test_the_inbox_takes_the_same_message_under_two_event_ids_once(inbox: Database) -> None:
    event = message()
    envelopes = [
        Envelope(new_id(), type_of(event), "mail", event.conversation_id, AT, event.SerializeToString(), "", "")
        for _ in range(2)
    ]
    with inbox.transaction() as connection:
        inbox_rows.store(connection, envelopes)

    def handled() -> bool:
        with inbox.transaction() as connection:
            done = select(func.count()).where(inbox_rows.INBOX.c.done_at.is_not(None))
            return connection.scalar(done) == 2

    eventually(handled)
    with inbox.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(OCCURRENCES)) == 1


@pytest.mark.parametrize("why", ["list", "bulk"])
def test_a_customer_who_writes_through_a_list_is_heard(connection: Connection, why: str) -> None:
    event = message(automatic=why)
    message_received(connection, event)
    assert occurrence(connection, event).state == State.NEW
