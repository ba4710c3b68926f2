"""A process that takes mail in dies at a named place: no mail is lost, and none is there twice."""

import json
import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mail_support import MAILBOX, SECRET, letter
from sqlalchemy import text

from mail.files import Files
from mail.handlers.ingest import Ingest, ingest_due
from mail.handlers.receive import Recipient, keep_content, keep_rows
from mail.storage.tables import CONVERSATIONS, MESSAGES, RAW_MAILS
from servicekit.crash import VARIABLE
from servicekit.database import Database
from servicekit.events.outbox import OUTBOX
from servicekit.testing import eventually

INGEST = (
    "import sys; from datetime import timedelta; from servicekit.database import Database; from mail.files import Files;"
    "from mail.handlers import ingest as h; h.LEASE = timedelta(seconds=1);"
    "h.ingest_due(h.Ingest(Database(sys.argv[1]), Files(sys.argv[2]), 1, b'secret of the tests'))"
)


@pytest.fixture
def crash(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """The environment of a process that is to die at a place."""

    def at(point: str) -> dict[str, str]:
        (tmp_path / "crash").write_text(point)
        return {**os.environ, VARIABLE: str(tmp_path / "crash")}

    return at


@pytest.fixture
def receiver(database: Database, keys_folder: Path, tmp_path: Path) -> Callable[..., Any]:
    """Runs a receiver without a broker: its hints are lost, which costs no mail."""
    settings = {
        "GUICHE_KEYS": str(keys_folder),
        "GUICHE_RABBITMQ_URL": "amqp://guest:guest@127.0.0.1:1/nowhere",
        "GUICHE_MAIL_DATABASE_URL": database.url,
        "GUICHE_MAIL_FILES_URL": (tmp_path / "files").as_uri(),
        "GUICHE_SMTP_PORT": "0",
        "GUICHE_LISTEN": "127.0.0.1:0",
    }

    @contextmanager
    def running(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        log = tmp_path / "receiver.log"
        with log.open("wb") as output:
            command = [sys.executable, "-m", "mail", "receiver"]
            process = subprocess.Popen(command, env=environment | settings, stdout=output, stderr=output)
        try:
            yield process, eventually(lambda: port_in(log), 60)
        finally:
            process.kill()
            process.wait(10)

    return running


def port_in(log: Path) -> int:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return next((int(line["port"]) for line in lines if line["event"] == "smtp_listening"), 0)


def send(port: int, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.sendmail("ana@example.com", MAILBOX, raw)


@pytest.mark.parametrize(("point", "kept"), [("receive", 0), ("store", 1)])
def test_a_receiver_that_dies_says_nothing_so_the_sender_comes_again_and_is_heard_once(
    receiver: Any, crash: Any, account: Any, rows: Any, database: Database, files: Files, point: str, kept: int
) -> None:
    with receiver(crash(point)) as (process, port):
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            send(port, letter("a@c"))
        assert process.wait(10) == -signal.SIGKILL
    assert len(rows(RAW_MAILS)) == kept
    with receiver(dict(os.environ)) as (_, port):
        send(port, letter("a@c"))
    assert len(rows(RAW_MAILS)) == 1
    with Ingest(database, files, 1, SECRET) as ingest:
        ingest_due(ingest)
    assert len(rows(MESSAGES)) == len(rows(OUTBOX)) == 1


@pytest.mark.parametrize("point", ["parse", "resolve"])
def test_what_a_worker_that_dies_had_under_way_is_ingested_once_and_joined_as_if_nothing_had_been(
    crash: Any, account: Any, rows: Any, database: Database, files: Files, point: str
) -> None:
    thread = [letter(f"{n}@c", references=[f"{n - 1}@c"] if n else []) for n in range(20)]
    mails = [keep_content(files, "ana@example.com", [Recipient(MAILBOX, account)], raw) for raw in thread]
    assert keep_rows(database, mails) == [None] * 20
    command = [sys.executable, "-c", INGEST, database.url, files.folder.as_uri()]
    died = subprocess.run(command, env=crash(point), check=False, capture_output=True, timeout=60)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert rows(MESSAGES) == rows(OUTBOX) == rows(CONVERSATIONS) == []
    assert {row.state for row in rows(RAW_MAILS)} == {"WAITING"}
    with Ingest(database, files, 1, SECRET) as ingest:

        def drained() -> bool:
            ingest_due(ingest)
            return {row.state for row in rows(RAW_MAILS)} == {"INGESTED"}

        eventually(drained, 60)
    assert len(rows(MESSAGES)) == len(rows(OUTBOX)) == 20
    assert len(rows(CONVERSATIONS)) == 1
    with database.transaction() as connection:
        joined = connection.execute(text("SELECT joined_by, count(*) FROM messages GROUP BY 1 ORDER BY 1")).all()
    assert [tuple(row) for row in joined] == [("", 1), ("MESSAGE_ID", 19)]
