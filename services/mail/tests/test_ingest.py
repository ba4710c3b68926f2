"""From accepted mails to messages: once each, whatever happens on the way."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from guiche.mail.v1.message_events_pb2 import MessageReceived
from mail_support import MAILBOX, SECRET, mail
from sqlalchemy import event, text

from mail import tasks
from mail.handlers import ingest as handlers
from mail.handlers.ingest import Ingest, ingest_batch, ingest_due, retry_one
from mail.handlers.receive import Recipient, keep_content, keep_rows
from mail.parsing.model import Limits
from mail.storage import joining
from mail.storage.tables import ATTACHMENTS, CONVERSATIONS, MESSAGES, RAW_MAILS
from servicekit.events import claims
from servicekit.events.outbox import OUTBOX
from servicekit.testing import eventually

WITH_FILES = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nOi\r\n--b\r\n"
    b"Content-Type: application/pdf; name=um.pdf\r\n\r\n%PDF\r\n--b\r\nContent-Type: image/png; name=dois.png\r\n"
    b"Content-ID: <logo@x>\r\n\r\n%PDF\r\n--b--\r\n"
)


def limits(**changes) -> Limits:
    return replace(Limits(), **changes)


@pytest.fixture
def ingest(database, files) -> Iterator[Ingest]:
    # A child that starts on a busy machine must not look like a slow mail.
    with Ingest(database, files, 2, SECRET, first_limits=limits(wall_seconds=30)) as made:
        yield made


@pytest.fixture
def accept(database, files, account) -> Callable[[bytes], None]:
    """As the receiver does, without SMTP."""

    def accepted(*raws: bytes, sender: str = "ana@example.com") -> None:
        mails = [keep_content(files, sender, [Recipient(MAILBOX, account)], raw) for raw in raws]
        assert keep_rows(database, mails) == [None] * len(raws)

    return accepted


def test_a_mail_becomes_a_message_in_a_conversation_of_its_own_with_its_event(accept, ingest, rows, account):
    accept(mail(headers=b"Cc: Bia <bia@example.com>\r\nDate: Mon, 6 Oct 2025 10:00:00 -0300\r\n"))
    assert ingest_due(ingest) == 1
    [raw], [message], [conversation], [outbox] = rows(RAW_MAILS), rows(MESSAGES), rows(CONVERSATIONS), rows(OUTBOX)
    assert raw.state == "INGESTED"
    assert (message.conversation_id, message.raw_mail_id) == (conversation.id, raw.id)
    assert (conversation.account_id, conversation.organization_id) == (account.id, account.organization_id)
    assert (message.sender_name, message.sender_email, message.subject) == ("Ana", "ana@example.com", "Pedido")
    assert message.to_addresses == [{"name": "", "email": MAILBOX}]
    assert message.cc_addresses == [{"name": "Bia", "email": "bia@example.com"}]
    assert (message.text, message.direction, message.received_at) == ("Bom dia", "IN", raw.received_at)
    assert message.date.isoformat() == "2025-10-06T13:00:00+00:00"
    event = MessageReceived.FromString(outbox.payload)
    assert outbox.aggregate == event.conversation_id == str(conversation.id)
    assert (event.message_id, event.account_id) == (str(message.id), str(account.id))
    assert (event.sender.email, event.subject, event.snippet) == ("ana@example.com", "Pedido", "Bom dia")


def test_what_comes_from_the_null_sender_is_a_notification_whatever_it_says(accept, ingest, rows):
    accept(mail(), sender="")
    ingest_due(ingest)
    [outbox] = rows(OUTBOX)
    assert MessageReceived.FromString(outbox.payload).automatic == "bounce"


def test_attachments_are_kept_by_content_and_described_in_their_order(accept, ingest, rows, files):
    accept(mail().replace(b"\r\n\r\n", b"\r\n" + WITH_FILES, 1))
    ingest_due(ingest)
    first, second = sorted(rows(ATTACHMENTS), key=lambda row: row.position)
    assert (first.file_name, first.content_type, first.size) == ("um.pdf", "application/pdf", 4)
    assert (second.file_name, second.content_id) == ("dois.png", "logo@x")
    assert first.file_key == second.file_key
    assert b"".join(files.chunks(first.file_key)) == b"%PDF"


def test_messages_and_events_stand_in_the_order_of_arrival(accept, ingest, rows):
    accept(*[mail(number, body=b"x" * (10_000 * (50 - number))) for number in range(50)])
    assert ingest_due(ingest) == 50
    ids = [row.id for row in sorted(rows(RAW_MAILS), key=lambda row: row.received_at)]
    by_raw = {row.raw_mail_id: str(row.id) for row in rows(MESSAGES)}
    events = [MessageReceived.FromString(row.payload) for row in sorted(rows(OUTBOX), key=lambda row: row.position)]
    assert [event.message_id for event in events] == [by_raw[one] for one in ids]


def test_a_batch_is_one_transaction(accept, ingest, rows, database):
    accept(*[mail(number) for number in range(50)])
    assert ingest_batch(ingest) == 50
    with database.transaction() as connection:
        commits = connection.scalars(text("SELECT DISTINCT xmin::text FROM messages")).all()
    assert len(commits) == 1


def test_a_mail_that_cannot_be_stored_stays_behind_alone(accept, ingest, rows, database):
    with database.transaction() as connection:
        connection.execute(text("ALTER TABLE messages ADD CONSTRAINT no_poison CHECK (subject <> 'veneno')"))
    accept(*[mail(n).replace(b"Pedido", b"veneno") if n == 3 else mail(n) for n in range(10)])
    ingest_batch(ingest)
    assert len(rows(MESSAGES)) == len(rows(OUTBOX)) == 9
    [waiting] = [row for row in rows(RAW_MAILS) if row.state == "WAITING"]
    assert (waiting.message_id, waiting.attempts) == ("3@example.com", 1)
    assert "no_poison" in waiting.last_error


def test_a_task_ends_in_time_and_leaves_the_rest_to_the_next_hint(accept, ingest, rows, monkeypatch):
    accept(*[mail(number) for number in range(60)])
    monkeypatch.setattr(tasks, "TASK_SECONDS", 0.05)
    never, left = threading.Event(), []
    for _ in range(2):
        tasks.work(ingest, never)
        left.append([row.state for row in rows(RAW_MAILS)].count("WAITING"))
    assert left == [10, 0]


def test_two_workers_at_once_ingest_every_mail_once(accept, ingest, rows, database, files):
    accept(*[mail(number) for number in range(120)])
    with Ingest(database, files, 1, SECRET) as other:
        threads = [threading.Thread(target=ingest_due, args=(one,)) for one in (ingest, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(rows(MESSAGES)) == len(rows(CONVERSATIONS)) == len(rows(OUTBOX)) == 120


def test_a_worker_slower_than_its_lease_adds_nothing_to_what_another_did(accept, ingest, rows, monkeypatch):
    accept(mail())
    monkeypatch.setattr(handlers, "LEASE", timedelta(milliseconds=1))
    original = handlers.settle

    def late(*claimed):
        monkeypatch.setattr(handlers, "settle", original)
        eventually(lambda: retry_one(ingest))
        original(*claimed)

    monkeypatch.setattr(handlers, "settle", late)
    ingest_batch(ingest)
    assert len(rows(MESSAGES)) == len(rows(CONVERSATIONS)) == len(rows(OUTBOX)) == 1


def test_a_mail_that_cannot_be_parsed_is_quarantined_with_its_raw_file(accept, rows, database, files):
    raw = mail(body=b"x" * 20_000_000)
    with Ingest(
        database,
        files,
        1,
        SECRET,
        full_limits=limits(memory_bytes=60 * 2**20),
        first_limits=limits(memory_bytes=60 * 2**20),
    ) as ingest:
        accept(raw, mail(2))
        ingest_due(ingest)
        assert ingest_due(ingest) == 0
    quarantined, ingested = sorted(rows(RAW_MAILS), key=lambda row: row.id)
    assert (quarantined.state, quarantined.last_error) == ("QUARANTINED", "Unparsable: MEMORY_LIMIT")
    assert b"".join(files.chunks(quarantined.file_key)) == raw
    assert (ingested.state, len(rows(MESSAGES))) == ("INGESTED", 1)


def test_a_mail_too_slow_for_the_first_lane_is_taken_by_the_patient_one(accept, rows, database, files):
    accept(mail())
    with Ingest(database, files, 1, SECRET, first_limits=limits(wall_seconds=0)) as ingest:
        assert ingest_batch(ingest) == 1
        [row] = rows(RAW_MAILS)
        assert (row.state, row.last_error) == ("WAITING", "Unparsable: TIME_LIMIT")
        eventually(lambda: retry_one(ingest))
    assert len(rows(MESSAGES)) == 1


def test_a_mail_too_slow_for_both_lanes_is_quarantined(accept, rows, database, files):
    accept(mail())
    with Ingest(database, files, 1, SECRET, limits(wall_seconds=0), limits(wall_seconds=0)) as ingest:
        ingest_batch(ingest)
        eventually(lambda: retry_one(ingest))
    [row] = rows(RAW_MAILS)
    assert (row.state, row.last_error) == ("QUARANTINED", "Unparsable: TIME_LIMIT")


def test_an_innocent_mail_survives_a_child_that_is_killed_once(accept, ingest, rows):
    accept(mail(1))
    ingest_due(ingest)
    for child in children_of(os.getpid(), "mail.parsing.child"):
        os.kill(child, signal.SIGKILL)
    accept(mail(2), mail(3), mail(4))
    ingest_due(ingest)
    assert [row.state for row in rows(RAW_MAILS)] == ["INGESTED"] * 4


def test_a_missing_raw_file_is_tried_again_and_told(accept, ingest, rows, files):
    accept(mail())
    [row] = rows(RAW_MAILS)
    (files.folder / row.file_key).rename(files.folder / "aside")
    ingest_batch(ingest)
    [row] = rows(RAW_MAILS)
    assert row.state == "WAITING"
    assert "FileNotFoundError" in row.last_error
    (files.folder / "aside").rename(files.folder / row.file_key)
    eventually(lambda: retry_one(ingest))
    assert rows(RAW_MAILS)[0].state == "INGESTED"


def test_a_full_disk_costs_no_mail_an_attempt(accept, ingest, rows, files, monkeypatch):
    accept(mail().replace(b"\r\n\r\n", b"\r\n" + WITH_FILES, 1))

    def full(key, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(claims, "AWAY_SECONDS", 0.0)
    with monkeypatch.context() as disk:
        disk.setattr(files, "put_file", full)
        for _ in range(20):
            assert ingest_batch(ingest) == 1
    [row] = rows(RAW_MAILS)
    assert (row.state, row.attempts) == ("WAITING", 0)
    assert "No space left" in row.last_error
    ingest_due(ingest)
    assert rows(RAW_MAILS)[0].state == "INGESTED"


def test_attachments_of_a_killed_worker_do_not_stay_behind(database, files, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    script = (
        "import sys; from mail.work_folder import WorkFolder; made = WorkFolder();"
        "(made.path / 'contract.pdf').write_bytes(b'%PDF'); print(made.path, flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=os.environ | {"TMPDIR": str(tmp_path)}, **pipes
    ) as worker:
        left = Path(worker.stdout.readline().decode().strip())
        with Ingest(database, files, 1, SECRET):
            assert (left / "contract.pdf").exists()
        worker.kill()
    with Ingest(database, files, 1, SECRET):
        assert not left.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("guiche-")] == []


def test_a_worker_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(
    accept, ingest, rows, database, files, tmp_path
):
    """Killed while it holds a batch: parsed, its files written, not committed."""
    accept(*[mail(number).replace(b"\r\n\r\n", b"\r\n" + WITH_FILES, 1) for number in range(30)])
    script = (
        "import sys; from datetime import timedelta; from servicekit.database import Database; from mail.files import Files;"
        "from mail.handlers import ingest as h; h.LEASE = timedelta(seconds=1);"
        "h.ingest_due(h.Ingest(Database(sys.argv[1]), Files(sys.argv[2]), 1, b'secret'))"
    )
    with database.transaction() as connection:
        connection.execute(text("LOCK TABLE messages IN EXCLUSIVE MODE"))
        worker = subprocess.Popen([sys.executable, "-c", script, database.url, files.folder.as_uri()])

        def waits_for_lock() -> bool:
            query = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'messages'::regclass")
            return bool(connection.scalar(query))

        eventually(waits_for_lock, 30)
        worker.kill()
        worker.wait(10)
    assert rows(MESSAGES) == []
    assert {row.state for row in rows(RAW_MAILS)} == {"WAITING"}

    def drained() -> bool:
        ingest_due(ingest)
        return {row.state for row in rows(RAW_MAILS)} == {"INGESTED"}

    eventually(drained, 30)
    assert len(rows(MESSAGES)) == len(rows(CONVERSATIONS)) == len(rows(OUTBOX)) == 30
    assert len(rows(ATTACHMENTS)) == 60


def test_the_trace_goes_on_from_reception_to_the_event(accept, ingest, rows, traced):
    with handlers.span("outer"):
        accept(mail())
    ingest_due(ingest)
    [parse] = [span for span in traced() if span.name == "mail parse"]
    [outer] = [span for span in traced() if span.name == "outer"]
    assert parse.parent.span_id == outer.context.span_id
    assert rows(OUTBOX)[0].traceparent[3:52] == f"{outer.context.trace_id:032x}-{parse.context.span_id:016x}"


def children_of(parent: int, module: str) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            ppid = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if ppid == parent and module.encode() in command:
            found.append(int(status.parent.name))
    return found


@contextmanager
def organization_locked(database, account):
    with database.transaction() as connection:
        joining.lock(connection, [account.organization_id])
        yield


def test_mails_whose_organization_is_locked_for_too_long_go_back_without_an_attempt(
    accept, ingest, rows, database, account
):
    accept(*[mail(number) for number in range(5)])
    impatient = "SET LOCAL statement_timeout = 500"
    with organization_locked(database, account):
        event.listen(database.engine, "begin", lambda connection: connection.exec_driver_sql(impatient))
        assert ingest_batch(ingest) == 5
    assert [(row.state, row.attempts) for row in rows(RAW_MAILS)] == [("WAITING", 0)] * 5
    eventually(lambda: ingest_due(ingest) == 0 and len(rows(MESSAGES)) == 5)


def test_the_lease_lasts_while_a_batch_waits_for_its_organization(accept, ingest, rows, database, account, monkeypatch):
    monkeypatch.setattr(handlers, "LEASE", timedelta(seconds=0.9))
    accept(mail())
    with organization_locked(database, account):
        worker = threading.Thread(target=ingest_batch, args=(ingest,))
        worker.start()
        eventually(lambda: rows(RAW_MAILS)[0].attempts == 1)
        claimed = rows(RAW_MAILS)[0].next_at
        eventually(lambda: rows(RAW_MAILS)[0].next_at > claimed + timedelta(seconds=3))
    worker.join(20)
    assert (len(rows(MESSAGES)), rows(RAW_MAILS)[0].state) == (1, "INGESTED")
