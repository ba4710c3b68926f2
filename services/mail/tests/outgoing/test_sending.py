"""What becomes of a mail at the relay, and of the others meanwhile."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from mail_support import database_away
from outgoing_support import told
from sqlalchemy import text

from mail.handlers import sending
from mail.handlers.deliveries import recover
from mail.handlers.sending import Sender, send_due
from mail.handlers.settling import rest_seconds
from mail.metrics import RELAY_AWAY
from mail.outgoing.relay import connect
from mail.storage.tables import MESSAGES
from servicekit.errors import Failure
from servicekit.events.trouble import Trouble
from servicekit.testing import eventually


@pytest.fixture
def detail_of(rows):
    return lambda message_id: next(row for row in rows(MESSAGES) if row.id == message_id).delivery_detail


def test_many_mails_leave_on_one_connection(ticket, replied, send, customer):
    for number in range(5):
        replied(ticket, text=f"resposta {number}")
    assert send() == 5
    assert (len(customer.got), customer.connections) == (5, 1)
    assert send() == 0
    assert customer.connections == 1


def test_a_permanent_refusal_is_the_end_in_the_servers_words(
    ticket, replied, send, customer, state_of, detail_of, database, api, due_now
):
    customer.data = lambda: "550-5.7.1 Não aceitamos\r\n550 5.7.1 este conteúdo\x07" + "x" * 400
    message_id = replied(ticket)
    send()
    assert state_of(message_id) == "FAILED"
    assert detail_of(message_id).startswith("550 5.7.1 Não aceitamos 5.7.1 este conteúdo x")
    assert len(detail_of(message_id)) <= 500
    assert told(database) == ["QUEUED", "FAILED"]
    due_now()
    assert send() == 0
    assert api.list(ticket).messages[1].delivery.detail == detail_of(message_id)


@pytest.mark.parametrize("command", ["mail", "rcpt"])
def test_a_permanent_refusal_of_sender_or_only_recipient_is_the_end_too(
    ticket, replied, send, customer, state_of, detail_of, command
):
    setattr(customer, command, lambda _address: "550 5.1.1 unknown")
    message_id = replied(ticket)
    send()
    assert (state_of(message_id), detail_of(message_id)) == ("FAILED", "550 5.1.1 unknown")


def test_some_recipients_refused_for_good_do_not_keep_the_mail_from_the_others(
    ticket, replied, send, customer, state_of, api
):
    customer.rcpt = lambda address: "550 5.1.1 no such user" if address.startswith("bia") else None
    message_id = replied(ticket, to=["ana@example.com"], cc=["bia@example.com"])
    send()
    assert state_of(message_id) == "SENT"
    assert customer.got[0].rcpt_tos == ["ana@example.com"]
    [refused] = api.list(ticket).messages[1].delivery.refused
    assert (refused.email, refused.detail) == ("bia@example.com", "550 5.1.1 no such user")


def test_a_recipient_refused_for_now_makes_the_whole_mail_wait_so_that_nobody_gets_it_twice(
    ticket, replied, send, customer, state_of, detail_of, database, due_now, delivery_of
):
    customer.rcpt = lambda address: "451 4.7.1 greylisted" if address.startswith("bia") else None
    message_id = replied(ticket, to=["ana@example.com"], cc=["bia@example.com"])
    assert send() == 1
    assert (state_of(message_id), detail_of(message_id)) == ("QUEUED", "451 4.7.1 greylisted")
    assert (customer.got, told(database)) == ([], ["QUEUED"])
    assert send() == 0
    customer.rcpt = lambda _: None
    due_now()
    assert send() == 1
    assert (len(customer.got), len(customer.got[0].rcpt_tos)) == (1, 2)
    assert (state_of(message_id), detail_of(message_id), told(database)) == ("SENT", "", ["QUEUED", "SENT"])


def test_each_attempt_sends_the_same_bytes(ticket, replied, send, customer, due_now):
    refused: list[bytes] = []
    customer.data = lambda: refused.append(b"") or "451 4.3.0 later" if not refused else None
    replied(ticket)
    send()
    customer.answering.set()
    due_now()
    send()
    assert (len(refused), len(customer.got)) == (1, 1)
    assert customer.got[0].content == customer.offered[0] == customer.offered[1]


def test_rests_grow_from_seconds_to_hours_and_are_spread():
    assert 11 < rest_seconds(timedelta(0)) < 19
    assert 60 * 60 * 0.75 <= rest_seconds(timedelta(hours=1)) <= 60 * 60 * 1.25
    assert rest_seconds(timedelta(days=1)) <= 5 * 60 * 60
    assert len({rest_seconds(timedelta(hours=1)) for _ in range(10)}) > 5


def test_after_two_days_of_refusals_it_has_failed_with_the_last_words_and_others_get_theirs(
    ticket, replied, send, customer, state_of, detail_of, database, due_now
):
    customer.rcpt = lambda address: "452 4.2.2 full" if address.startswith("bia") else None
    alone = replied(ticket, to=["bia@example.com"])
    both = replied(ticket, to=["ana@example.com"], cc=["bia@example.com"])
    assert send() == 2
    with database.transaction() as connection:
        connection.execute(text("UPDATE deliveries SET refused_since = now() - interval '47 hours'"))
    due_now()
    send()
    assert {state_of(alone), state_of(both)} == {"QUEUED"}
    with database.transaction() as connection:
        connection.execute(text("UPDATE deliveries SET refused_since = now() - interval '49 hours'"))
    due_now()
    send()
    assert (state_of(alone), detail_of(alone)) == ("FAILED", "452 4.2.2 full")
    assert state_of(both) == "SENT"
    assert customer.got[0].rcpt_tos == ["ana@example.com"]


def test_a_connection_lost_after_the_whole_mail_leaves_it_unknown_and_it_is_never_sent_again_by_itself(
    ticket, replied, send, customer, state_of, database, due_now
):
    customer.cut_after_data = True
    lost, following = replied(ticket), replied(ticket)
    send()
    customer.cut_after_data = False
    due_now()
    send()
    assert {state_of(lost), state_of(following)} == {"UNKNOWN"}
    assert len(customer.got) == 2
    assert sorted(told(database)) == ["QUEUED", "QUEUED", "UNKNOWN", "UNKNOWN"]


def test_no_answer_to_the_whole_mail_in_time_is_unknown(ticket, replied, customer, state_of, database, files, settings):
    customer.answering.clear()
    sender = Sender(database, files, partial(connect, settings(smtp_relay=customer.address, smtp_relay_timeout=0.2)))
    message_id = replied(ticket)
    send_due(sender)
    assert state_of(message_id) == "UNKNOWN"


@pytest.fixture
def cutting() -> Iterator[str]:
    """A relay that cuts every connection in the middle of a mail."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"220 hello\r\n")
                for answer in (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                    connection.recv(4096)
                    connection.sendall(answer)
                connection.recv(4096)

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(listener,))
    thread.start()
    yield "{}:{}".format(*listener.getsockname())
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def test_a_connection_cut_before_the_mail_was_whole_is_tried_again(
    ticket, replied, api, cutting, state_of, database, files, settings, send, customer, due_now
):
    file = api.upload(ticket, *[b"x" * 1024 * 1024] * 15)
    message_id = replied(ticket, attachment_ids=[file.id])
    send_due(Sender(database, files, partial(connect, settings(smtp_relay=cutting, smtp_relay_timeout=5))))
    assert (state_of(message_id), told(database)) == ("QUEUED", ["QUEUED"])
    due_now()
    send()
    assert (state_of(message_id), len(customer.got)) == ("SENT", 1)


def test_a_relay_that_is_away_is_no_mails_fault(
    ticket, replied, database, files, settings, free_port, state_of, delivery_of
):
    sender = Sender(database, files, partial(connect, settings(smtp_relay=f"127.0.0.1:{free_port}")))
    message_id = replied(ticket)
    assert send_due(sender) == 0
    row = delivery_of(message_id)
    assert (state_of(message_id), row.attempts, row.refused_since) == ("QUEUED", 0, None)
    assert (sender.resting(), RELAY_AWAY._value.get()) == (True, 1)
    first = sender.trouble.seconds
    sender.rests_until = 0
    send_due(sender)
    assert sender.trouble.seconds > first


@pytest.mark.parametrize("answer", ["421 4.3.2 closing down", "530 5.7.0 authenticate first"])
def test_a_relay_that_refuses_us_is_no_mails_fault(
    ticket, replied, send, sender, customer, state_of, delivery_of, answer, database, due_now
):
    customer.mail = lambda _: answer
    message_id = replied(ticket)
    send()
    assert (state_of(message_id), delivery_of(message_id).refused_since) == ("QUEUED", None)
    assert sender.resting()
    customer.mail = lambda _: None
    sender.rests_until = 0
    due_now()
    send()
    assert (state_of(message_id), RELAY_AWAY._value.get()) == ("SENT", 0)
    assert told(database) == ["QUEUED", "SENT"]


def test_one_mail_that_the_relay_dislikes_holds_up_no_other(ticket, replied, send, customer, state_of):
    customer.rcpt = lambda address: "421 4.7.0 go away" if address.startswith("bia") else None
    disliked = replied(ticket, to=["bia@example.com"])
    others = [replied(ticket) for _ in range(3)]
    assert send() == 4
    assert (state_of(disliked), {state_of(one) for one in others}) == ("QUEUED", {"SENT"})


def test_two_workers_send_each_mail_once(ticket, replied, sender, customer, database):
    for _ in range(20):
        replied(ticket)
    threads = [threading.Thread(target=send_due, args=(sender,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({mail["Message-ID"] for mail in customer.mails}) == len(customer.got) == 20


def test_a_slow_server_keeps_its_mail_to_itself_while_it_thinks(
    ticket, replied, sender, customer, state_of, database, monkeypatch
):
    monkeypatch.setattr(sending, "LEASE", timedelta(seconds=0.6))
    customer.answering.clear()
    message_id = replied(ticket)
    thread = threading.Thread(target=send_due, args=(sender,))
    thread.start()
    eventually(lambda: customer.got)
    leased = text("SELECT next_at FROM deliveries")
    with database.transaction() as connection:
        first = connection.scalar(leased)

    def renewed() -> bool:
        with database.transaction() as connection:
            return connection.scalar(leased) > first

    eventually(renewed)
    assert (recover(database), state_of(message_id)) == (0, "SENDING")
    customer.answering.set()
    thread.join(10)
    assert state_of(message_id) == "SENT"


def test_what_a_sender_finds_out_late_is_better_than_not_to_know(
    ticket, replied, sender, customer, state_of, database, due_now
):
    customer.answering.clear()
    message_id = replied(ticket)
    thread = threading.Thread(target=send_due, args=(sender,))
    thread.start()
    eventually(lambda: customer.got)
    due_now()
    assert (recover(database), state_of(message_id)) == (1, "UNKNOWN")
    customer.answering.set()
    thread.join(10)
    assert state_of(message_id) == "SENT"
    assert told(database) == ["QUEUED", "UNKNOWN", "SENT"]


def test_a_database_that_is_away_when_the_relay_answers_makes_nothing_unknown(
    ticket, replied, sender, customer, state_of, database, monkeypatch
):
    met: list[object] = []

    class Noting(Trouble):
        def met(self, error: object) -> float:
            met.append(error)
            return super().met(error)

    monkeypatch.setattr(sending, "Trouble", Noting)
    customer.answering.clear()
    message_id = replied(ticket)
    thread = threading.Thread(target=send_due, args=(sender,))
    thread.start()
    eventually(lambda: customer.got)
    with database_away(database):
        customer.answering.set()
        eventually(lambda: met)
    thread.join(20)
    assert state_of(message_id) == "SENT"


def test_a_report_that_is_faster_than_the_relays_word_stands(ticket, replied, sender, customer, state_of, database):
    customer.answering.clear()
    message_id = replied(ticket)
    thread = threading.Thread(target=send_due, args=(sender,))
    thread.start()
    eventually(lambda: customer.got)
    with database.transaction() as connection:
        connection.execute(text("UPDATE messages SET delivery_state = 'FAILED', delivery_detail = '550 returned'"
                                " WHERE direction = 'OUT'"))  # fmt: skip
    customer.answering.set()
    thread.join(10)
    assert state_of(message_id) == "FAILED"
    assert send_due(sender) == 0


def test_a_mail_that_failed_is_sent_again_when_somebody_wants_it_and_one_that_did_not_is_not(
    ticket, replied, send, customer, state_of, api, database
):
    customer.data = lambda: "554 no"
    message_id = replied(ticket)
    send()
    customer.data = lambda: None
    again = api.resend(ticket, message_id=str(message_id), request_id="r1")
    assert (again.message.delivery.state, again.message.delivery.detail) == (1, "")
    assert api.resend(ticket, message_id=str(message_id), request_id="r1") == again
    assert send() == 1
    assert told(database) == ["QUEUED", "FAILED", "QUEUED", "SENT"]
    assert refusal(api.resend, ticket, message_id=str(message_id)) == "FAILED_PRECONDITION DELIVERY_NOT_ENDED"
    assert refusal(api.resend, ticket, message_id=str(ticket.message_id)) == "FAILED_PRECONDITION DELIVERY_NOT_ENDED"
    assert refusal(api.resend, ticket, message_id=str(ticket.id)) == "NOT_FOUND MESSAGE_NOT_FOUND"
    draft = api.prepare(ticket)
    assert refusal(api.resend, ticket, message_id=str(draft)) == "NOT_FOUND MESSAGE_NOT_FOUND"


def refusal(call, *arguments, **named) -> str:
    with pytest.raises(Failure) as caught:
        call(*arguments, **named)
    return f"{caught.value.code.name} {caught.value.reason}"


def test_a_store_that_is_away_makes_the_mail_wait_and_a_file_that_is_gone_makes_it_fail(
    ticket, api, tell, send, files, state_of, detail_of, due_now, monkeypatch, delivery_of
):
    message_id = api.prepare(ticket, attachment_ids=[api.upload(ticket, b"x").id])
    tell(ticket.released(message_id))

    def away(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, "put", away)
        send()
    assert (state_of(message_id), delivery_of(message_id).refused_since) == ("QUEUED", None)
    for path in files.folder.rglob("*"):
        if path.is_file():
            path.unlink()
    due_now()
    send()
    assert (state_of(message_id), detail_of(message_id)) == ("FAILED", "not composed: FileNotFoundError")


def test_without_a_relay_mails_are_files_each_complete_under_its_id(
    ticket, replied, database, files, settings, tmp_path, state_of
):
    outbox = tmp_path / "new" / "outbox"
    message_id = replied(ticket, text="Olá")
    send_due(Sender(database, files, partial(connect, settings(mail_outbox=outbox))))
    assert state_of(message_id) == "SENT"
    [file] = outbox.iterdir()
    assert file.name == f"{message_id}.eml"
    assert b"\r\nFrom: Atendimento\r\n <atendimento@demo.guiche>\r\n" in file.read_bytes()
