"""What leaves, by its processes on a real broker; and what operators do when it did not."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from outgoing_support import PROTOCOL, ticket_of
from process_support import run
from sqlalchemy import text

from mail import outgoing_scheduler as module
from mail.metrics import OUTGOING, OUTGOING_AGE
from mail.outgoing_scheduler import look
from mail.storage.tables import MESSAGES
from servicekit.events.envelope import Envelope, type_of
from servicekit.events.inbox_rows import store
from servicekit.testing import eventually


def test_a_ticket_that_is_told_of_is_acknowledged_by_worker_scheduler_and_sender(
    start, arrived, account, customer, database, rows
):
    event = ticket_of(arrived(), account).opened
    processes = [start("scheduler"), start("send", GUICHE_SMTP_RELAY=customer.address), start("worker")]
    with database.transaction() as connection:
        envelope = Envelope(
            id=uuid4(),
            type=type_of(event),
            source="ticket",
            aggregate=event.ticket.id,
            time=datetime.now(UTC),
            payload=event.SerializeToString(),
            traceparent="",
            actor="",
        )
        store(connection, [envelope])
    eventually(lambda: customer.got, 90)
    eventually(lambda: [row.delivery_state for row in rows(MESSAGES) if row.direction == "OUT"] == ["SENT"])
    assert [process.stop() for process in processes] == [0, 0, 0]


def test_operators_list_what_did_not_leave_and_send_it_again(environment, ticket, replied, send, customer, state_of):
    customer.data = lambda: "554 5.7.1 no"
    message_id = replied(ticket)
    send()
    listed = run(environment, "undelivered", "list").stdout
    assert listed.startswith(f"{message_id}  FAILED  ")
    assert listed.endswith(f"{PROTOCOL}  reply  554 5.7.1 no\n")
    assert run(environment, "undelivered", "resend", str(message_id)).returncode == 0
    assert state_of(message_id) == "QUEUED"
    again = run(environment, "undelivered", "resend", str(message_id))
    assert (again.returncode, "Only a message that failed" in again.stderr) == (1, True)
    assert run(environment, "undelivered", "list").stdout == ""


@pytest.fixture
def hints(monkeypatch) -> list[object]:
    """Hints that would have gone to the broker."""
    given: list[object] = []
    monkeypatch.setattr(module, "send_hint", lambda app, _broker: given.append(app) or True)
    return given


def test_what_is_due_is_hinted_and_measured_and_what_rests_is_not_hinted(ticket, replied, database, hints):
    for _ in range(3):
        replied(ticket)
    with database.transaction() as connection:
        connection.execute(text("UPDATE deliveries SET created_at = now() - interval '10 minutes'"))
    look(database, None, None)
    assert (len(hints), OUTGOING._value.get()) == (3, 3)
    assert 595 < OUTGOING_AGE._value.get() < 660
    with database.transaction() as connection:
        resting = "UPDATE deliveries SET next_at = now() + interval '1 hour', refused_since = now()"
        connection.execute(text(resting))
    look(database, None, None)
    assert (len(hints), OUTGOING._value.get(), OUTGOING_AGE._value.get()) == (3, 3, 0)
