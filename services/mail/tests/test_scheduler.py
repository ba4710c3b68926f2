import threading
from datetime import UTC, datetime, timedelta

import pytest
from mail_support import database_away, mail
from sqlalchemy import text

from mail import scheduler as module
from mail.domain import base_address
from mail.metrics import QUARANTINED, WAITING, WAITING_AGE
from mail.scheduler import scheduler
from mail.tasks import Hints, make_app
from servicekit.testing import eventually


@pytest.fixture
def hints(monkeypatch) -> list[object]:
    """Hints that would have gone to the broker."""
    given: list[object] = []
    monkeypatch.setattr(module, "send_hint", lambda app, _broker: given.append(app) or True)
    monkeypatch.setattr(module, "SECONDS", 0.05)
    return given


@pytest.fixture
def scheduling(database):
    stop = threading.Event()
    thread = threading.Thread(target=scheduler("", database), args=(stop,))
    yield thread.start
    stop.set()
    thread.join(10)


def test_waiting_mail_is_hinted_again_and_again_and_an_idle_queue_is_left_alone(
    receiving, account, database, hints, scheduling
):
    receiving().send(mail())
    scheduling()
    eventually(lambda: len(hints) > 3)
    with database.transaction() as connection:
        connection.execute(text("UPDATE raw_mails SET done_at = now()"))
    eventually(lambda: WAITING._value.get() == 0)
    count = len(hints)
    with database.transaction() as connection:
        connection.execute(text("UPDATE raw_mails SET done_at = NULL, next_at = now() + interval '1 hour'"))
    eventually(lambda: WAITING._value.get() == 1)
    assert len(hints) <= count + 1


def test_the_age_of_the_oldest_mail_and_the_size_of_the_quarantine_are_shown(
    receiving, account, database, hints, scheduling
):
    server = receiving()
    for number in range(3):
        server.send(mail(number))
    with database.transaction() as connection:
        old = {"at": datetime.now(UTC) - timedelta(minutes=10)}
        connection.execute(text("UPDATE raw_mails SET received_at = :at WHERE message_id LIKE '1@%'"), old)
        connection.execute(text("UPDATE raw_mails SET failed_at = now() WHERE message_id LIKE '2@%'"))
    scheduling()
    eventually(lambda: WAITING._value.get() == 2)
    assert 595 < WAITING_AGE._value.get() < 660
    assert QUARANTINED._value.get() == 1


def test_it_goes_on_when_the_database_is_back(receiving, account, database, hints, scheduling):
    receiving().send(mail())
    scheduling()
    eventually(lambda: hints)
    with database_away(database):
        count = len(hints)
    eventually(lambda: len(hints) > count + 1, 20)


def test_hints_neither_wait_nor_fail_without_a_broker():
    hints = Hints(make_app("amqp://guest:guest@127.0.0.1:1/nowhere"))
    for _ in range(1000):
        hints()
    hints.close()
    assert not hints.thread.is_alive()


@pytest.mark.parametrize(
    ("written", "mailbox"),
    [
        ("Sac+Pedido-1@Demo.Guiche", "sac@demo.guiche"),
        ("sac+a+b@demo.guiche", "sac@demo.guiche"),
        ("+x@demo.guiche", "+x@demo.guiche"),
        ("sac@demo+x.guiche", "sac@demo+x.guiche"),
        ("postmaster", "postmaster"),
    ],
)
def test_a_plus_address_leads_to_its_mailbox(written, mailbox):
    assert base_address(written) == mailbox
