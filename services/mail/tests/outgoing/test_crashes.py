"""`kill -9` at each step of what leaves: no reply is sent twice, and what is not known is called unknown."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from outgoing_support import ticket_of, told
from sqlalchemy import text

from mail.handlers import sending
from mail.handlers.deliveries import recover
from mail.handlers.sending import Sender, send_due
from mail.outgoing.relay import connect
from mail.storage.tables import DELIVERIES, MESSAGES
from servicekit import crash
from servicekit.errors import Failure
from servicekit.testing import eventually

# Does the work of one process until it is told to die.
SEND = """
from functools import partial
from mail.config import MailSettings
from mail.files import Files
from mail.handlers.sending import Sender, send_due
from mail.outgoing.relay import connect
from servicekit.database import Database
settings = MailSettings()
send_due(Sender(Database(settings.mail_database_url), Files(settings.mail_files_url), partial(connect, settings)))
"""
HANDLE = """
import sys
from guiche.ticket.v1 import ticket_events_pb2
from mail.config import MailSettings
from mail.main import build
service = build(MailSettings())
event = ticket_events_pb2.TicketOpened.FromString(bytes.fromhex(sys.argv[1]))
with service.database.transaction() as connection:
    service.consumes[type(event)](connection, event)
"""
SERVE = """
import signal, sys, threading
from mail.config import MailSettings
from mail.main import build
from servicekit.rpc.server import make_server
service = build(MailSettings())
server, port = make_server(service.keys, "127.0.0.1:0", service.servicers)
server.start()
print(port, flush=True)
threading.Event().wait()
"""


@pytest.fixture
def dying(settings, tmp_path, customer, database) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts a program that dies at the named point."""
    started: list[subprocess.Popen] = []
    file = tmp_path / "crash"

    def run(program: str, point: str, *words: str) -> subprocess.Popen:
        file.write_text(point)
        chosen = settings()
        environment = {
            **os.environ,
            "GUICHE_KEYS": str(chosen.keys),
            "GUICHE_MAIL_DATABASE_URL": chosen.mail_database_url,
            "GUICHE_MAIL_FILES_URL": chosen.mail_files_url,
            "GUICHE_SMTP_RELAY": customer.address,
            "GUICHE_SMTP_RELAY_TIMEOUT": "10",
            crash.VARIABLE: str(file),
        }
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", program, *words], env=environment, stdout=subprocess.PIPE, text=True
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait(10)
        process.stdout.close()


def died(process: subprocess.Popen) -> bool:
    return process.wait(60) == -signal.SIGKILL


@pytest.fixture
def lease_over(due_now, database) -> Callable[[], int]:
    """As when the lease has run out; how many were recovered."""

    def wait() -> int:
        due_now()
        return recover(database)

    return wait


@pytest.mark.parametrize(("point", "arrived_there"), [("send.before", 0), ("send.during", 1), ("send.after", 1)])
def test_a_reply_whose_sender_died_is_unknown_and_not_sent_again_by_itself(
    ticket, replied, dying, customer, state_of, database, send, lease_over, due_now, api, point, arrived_there
):
    message_id = replied(ticket)
    assert died(dying(SEND, point))
    assert state_of(message_id) == "SENDING"
    assert send() == 0
    assert lease_over() == 1
    assert (state_of(message_id), told(database)) == ("UNKNOWN", ["QUEUED", "UNKNOWN"])
    due_now()
    assert send() == 0
    eventually(lambda: len(customer.got) == arrived_there)
    # Only a person decides to risk a second one.
    api.resend(ticket, message_id=str(message_id))
    assert send() == 1
    assert (state_of(message_id), len(customer.got)) == ("SENT", arrived_there + 1)


@pytest.mark.parametrize("point", ["send.before", "send.during", "send.after"])
def test_an_acknowledgement_whose_sender_died_is_sent_again(
    arrived, account, tell, dying, customer, database, send, lease_over, rows, point
):
    tell(ticket_of(arrived(), account).opened)
    assert died(dying(SEND, point))
    assert lease_over() == 1
    assert send() == 1
    assert [row.delivery_state for row in rows(MESSAGES) if row.direction == "OUT"] == ["SENT"]
    assert 1 <= len(customer.got) <= 2
    assert len({mail["Message-ID"] for mail in customer.mails}) == 1
    assert told(database) == ["SENT"]


def test_an_acknowledgement_that_always_ends_its_sender_is_given_up(arrived, account, tell, database, rows):
    tell(ticket_of(arrived(), account).opened)
    for _ in range(20):
        with database.transaction() as connection:
            claimed = "UPDATE deliveries SET sending = true, attempts = attempts + 1, next_at = now() - interval '1 s'"
            connection.execute(text(f"{claimed} WHERE failed_at IS NULL"))
            connection.execute(text("UPDATE messages SET delivery_state = 'SENDING' WHERE delivery_state = 'QUEUED'"))
        recover(database)
    assert [row.delivery_state for row in rows(MESSAGES) if row.direction == "OUT"] == ["UNKNOWN"]


def test_an_acknowledgement_that_was_refused_for_now_many_times_survives_a_crash(
    arrived, account, tell, send, sender, customer, due_now, lease_over, rows, monkeypatch
):
    tell(ticket_of(arrived(), account).opened)
    customer.rcpt = lambda _: "451 4.7.1 later"
    for _ in range(6):
        due_now()
        assert send() == 1
    due_now()
    [begun] = sending.begin(sender)
    # As far as a process comes that dies then.
    assert sending.made_ready(sender, begun)
    assert lease_over() == 1
    assert [row.delivery_state for row in rows(MESSAGES) if row.direction == "OUT"] == ["QUEUED"]


def test_a_mail_that_ends_its_process_while_it_is_composed_is_given_up_and_holds_up_no_other(
    ticket, replied, sender, send, customer, state_of, delivery_of, lease_over, database
):
    deadly = replied(ticket)
    for _ in range(4):
        # As far as a process comes that dies then.
        [begun] = sending.begin(sender)
        assert begun.delivery.id == deadly
        assert (lease_over(), state_of(deadly)) == (1, "QUEUED")
        due_in = delivery_of(deadly).next_at
        if due_in > datetime.now(UTC):
            other = replied(ticket)
            assert (send(), state_of(other)) == (1, "SENT")
        with database.transaction() as connection:
            connection.execute(text("UPDATE deliveries SET next_at = now() - interval '1 s' WHERE NOT sending"))
    assert sending.begin(sender)
    assert (lease_over(), state_of(deadly)) == (1, "FAILED")
    assert delivery_of(deadly).last_error == "not composed: the process ended meanwhile"
    assert len(customer.got) == 3


def test_an_attempt_is_committed_and_nothing_locked_while_the_mail_is_composed(
    ticket, replied, send, files, database, state_of, monkeypatch
):
    message_id = replied(ticket)
    seen: list[object] = []
    put = files.put

    def putting(key: str, content: bytes) -> None:
        with database.transaction() as connection:
            seen.extend(connection.execute(text("SELECT attempts, sending FROM deliveries FOR UPDATE NOWAIT")).one())
            seen.extend(connection.scalars(text("SELECT delivery_state FROM messages WHERE direction = 'OUT' "
                                                "FOR UPDATE NOWAIT")))  # fmt: skip
        put(key, content)

    monkeypatch.setattr(files, "put", putting)
    send()
    assert (seen, state_of(message_id)) == ([1, True, "QUEUED"], "SENT")


def test_who_composed_for_so_long_that_another_took_over_sends_nothing(
    ticket, replied, send, sender, files, customer, state_of, lease_over, monkeypatch
):
    message_id = replied(ticket)
    put = files.put

    def slow(key: str, content: bytes) -> None:
        monkeypatch.setattr(files, "put", put)
        assert (lease_over(), send()) == (1, 1)
        put(key, content)

    monkeypatch.setattr(files, "put", slow)
    send()
    assert (state_of(message_id), len(customer.got)) == ("SENT", 1)


def test_dying_while_acknowledging_leaves_nothing_and_the_event_is_handled_again(
    arrived, account, tell, dying, rows, send, customer
):
    ticket = ticket_of(arrived(), account)
    assert died(dying(HANDLE, "acknowledge", ticket.opened.SerializeToString().hex()))
    assert rows(DELIVERIES) == []
    tell(ticket.opened)
    assert (send(), len(customer.got)) == (1, 1)


def test_dying_before_the_answer_leaves_one_draft_for_the_repeated_request(ticket, api, dying, rows, caller):
    serving = dying(SERVE, "draft")
    remote = caller(int(serving.stdout.readline()))
    with pytest.raises(Failure, match="did not answer"):
        remote.prepare(ticket, request_id="r1")
    assert died(serving)
    [draft] = [row for row in rows(MESSAGES) if row.direction == "OUT"]
    assert draft.delivery_state == "DRAFT"
    assert api.prepare(ticket, request_id="r1") == UUID(str(draft.id))


def test_dying_while_it_writes_the_outbox_leaves_no_half_a_file(
    ticket, replied, dying, database, files, settings, tmp_path, state_of, lease_over, api, monkeypatch
):
    outbox: Path = tmp_path / "outbox"
    message_id = replied(ticket)
    monkeypatch.setenv("GUICHE_MAIL_OUTBOX", str(outbox))
    assert died(dying(SEND.replace("MailSettings()", "MailSettings(smtp_relay='')"), "send.during"))
    assert list(outbox.glob("*.eml")) == []
    lease_over()
    api.resend(ticket, message_id=str(message_id))
    send_due(Sender(database, files, partial(connect, settings(mail_outbox=outbox))))
    assert [file.name for file in outbox.glob("*.eml")] == [f"{message_id}.eml"]


def test_a_point_kills_at_its_own_name_alone_and_once(tmp_path, monkeypatch):
    file = tmp_path / "crash"
    file.write_text("other")
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(number))
    monkeypatch.setenv(crash.VARIABLE, str(file))
    crash.point("mine")
    assert (killed, file.exists()) == ([], True)
    crash.point("other")
    crash.point("other")
    assert (killed, file.exists()) == ([signal.SIGKILL], False)
    monkeypatch.delenv(crash.VARIABLE)
    crash.point("other")
    assert len(killed) == 1
