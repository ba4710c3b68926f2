"""Lines to the relay that are thin, or stand still."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.exc import OperationalError

from mail.handlers import sending
from mail.handlers.deliveries import recover
from mail.handlers.sending import Sender, send_due
from mail.outgoing.relay import SmtpLink, connect
from servicekit.events import claims
from servicekit.testing import eventually


def slow_relay(connection: socket.socket, stop: threading.Event, most: int) -> None:
    """Takes one mail a little at a time, as at the end of a thin line; after `most` bytes of it nothing more."""
    connection.sendall(b"220 hello\r\n")
    for answer in (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        connection.recv(4096)
        connection.sendall(answer)
    got, end = 0, b""
    while not end.endswith(b"\r\n.\r\n") and not stop.is_set():
        # The pace of the line.
        stop.wait(0.02)
        if got < most:
            piece = connection.recv(16 * 1024)
            got, end = got + len(piece), (end + piece)[-5:]
    if not stop.is_set():
        connection.sendall(b"250 taken\r\n")
        connection.recv(4096)


@pytest.fixture
def slow() -> Iterator[Callable[[int], str]]:
    stop, listener = threading.Event(), socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    threads: list[threading.Thread] = []

    def serve(most: int) -> None:
        connection, _ = listener.accept()
        with connection:
            slow_relay(connection, stop, most)

    def start(most: int) -> str:
        threads.append(threading.Thread(target=serve, args=(most,)))
        threads[-1].start()
        return "{}:{}".format(*listener.getsockname())

    yield start
    stop.set()
    for thread in threads:
        thread.join(10)
    listener.close()


def test_a_large_mail_over_a_thin_line_may_take_longer_than_an_answer(
    ticket, replied, api, slow, state_of, database, files, settings
):
    message_id = replied(ticket, attachment_ids=[api.upload(ticket, *[b"x" * 1024 * 1024] * 4).id])
    chosen = settings(smtp_relay=slow(1 << 30), smtp_relay_timeout=1)
    began = time.monotonic()
    send_due(Sender(database, files, partial(connect, chosen)))
    assert state_of(message_id) == "SENT"
    assert time.monotonic() - began > 2, "the line was no thin one"


def test_a_line_that_stands_still_is_given_up_and_said_to_be(
    ticket, replied, api, slow, state_of, delivery_of, database, files, settings
):
    message_id = replied(ticket, attachment_ids=[api.upload(ticket, *[b"x" * 1024 * 1024] * 8).id])
    send_due(Sender(database, files, partial(connect, settings(smtp_relay=slow(1024), smtp_relay_timeout=0.3))))
    assert (state_of(message_id), delivery_of(message_id).last_error) == ("QUEUED", "timed out while the mail was sent")


def test_a_sender_that_takes_longer_than_the_relay_may_is_taken_for_dead(
    ticket, replied, sender, customer, state_of, database, monkeypatch
):
    monkeypatch.setattr(sending, "LEASE", timedelta(seconds=0.3))
    monkeypatch.setattr(claims, "LONGEST_WORK", timedelta(0))
    monkeypatch.setattr(sending, "SETTLING_SECONDS", 0)
    monkeypatch.setattr(SmtpLink, "longest", lambda *_: timedelta(seconds=0.3))
    customer.answering.clear()
    message_id = replied(ticket)
    thread = threading.Thread(target=send_due, args=(sender,))
    thread.start()
    eventually(lambda: recover(database))
    assert state_of(message_id) == "UNKNOWN"
    customer.answering.set()
    thread.join(10)


def test_the_longest_time_of_a_mail_follows_from_the_time_of_an_answer(settings, customer):
    for timeout in (1, 60):
        link = connect(settings(smtp_relay=customer.address, smtp_relay_timeout=timeout))
        # All its bytes, the answer to them, and one to each command.
        assert link.longest(3).total_seconds() >= timeout * (60 + 10 + 3 + 2)
        link.close()


class Away(Exception):
    """Seen by the test."""


@pytest.fixture
def unsettled(monkeypatch) -> Callable[[str], tuple[threading.Event, list[object]]]:
    """The named step finds its database away until the event is set; the list has its attempts."""

    def make(step: str) -> tuple[threading.Event, list[object]]:
        back, tries = threading.Event(), []
        usual = getattr(sending, step)

        def act(connection: object, **what: object) -> object:
            tries.append(what)
            if not back.is_set():
                raise OperationalError("", {}, Away())
            return usual(connection, **what)

        monkeypatch.setattr(sending, step, act)
        return back, tries

    return make


def test_a_mail_stays_its_senders_until_what_became_of_it_is_committed(
    ticket, replied, sender, customer, state_of, delivery_of, database, unsettled, monkeypatch
):
    monkeypatch.setattr(sending, "LEASE", timedelta(seconds=1))
    back, tries = unsettled("settle_all")
    message_id = replied(ticket)
    thread = threading.Thread(target=send_due, args=(sender,))
    thread.start()
    eventually(lambda: tries)
    leases: set[object] = set()

    def renewed() -> bool:
        leases.add(delivery_of(message_id).next_at)
        return len(leases) > 4

    eventually(renewed)
    assert (recover(database), state_of(message_id)) == (0, "SENDING")
    back.set()
    thread.join(20)
    assert state_of(message_id) == "SENT"


def test_a_database_that_is_away_when_the_relay_breaks_off_makes_nothing_unknown(
    ticket, replied, sender, customer, state_of, unsettled
):
    customer.mail = lambda _: "421 4.3.2 closing down"
    back, tries = unsettled("untried")
    message_id = replied(ticket)
    thread = threading.Thread(target=send_due, args=(sender,))
    thread.start()
    eventually(lambda: len(tries) > 1)
    back.set()
    thread.join(20)
    assert (state_of(message_id), sender.resting()) == ("QUEUED", True)
