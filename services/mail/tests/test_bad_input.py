"""Mails made to harm: each ends as a message, in quarantine or refused, and the next normal mail does not wait for it."""

import smtplib
import threading
from collections.abc import Iterator

import pytest
from mail_support import SECRET, mail

from mail.handlers.ingest import Ingest, ingest_due
from mail.storage.tables import MESSAGES, RAW_MAILS
from servicekit.testing import eventually

HEAD = b"From: Ana <ana@example.com>\r\nMessage-ID: <bad@example.com>\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def nested(levels: int) -> bytes:
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(levels)
    )
    return (
        HEAD
        + opening
        + b"Content-Type: text/plain\r\n\r\nno fundo\r\n"
        + b"".join(b"--b%d--\r\n" % level for level in reversed(range(levels)))
    )


BAD = {
    "without Message-ID": b"From: ana@example.com\r\nSubject: a\r\n\r\nOi\r\n",
    "without From": b"Subject: a\r\n\r\nOi\r\n",
    "without headers": b"\r\nOi\r\n",
    "without anything": b"",
    "50,000 parts": MIXED + b"".join(b"--b\r\n\r\n%d\r\n" % number for number in range(50_000)) + b"--b--\r\n",
    "20,000 recipients": HEAD
    + b"To: "
    + b",\r\n ".join(b"u%d@example.com" % n for n in range(20_000))
    + b"\r\n\r\nOi\r\n",
    "10 MB of headers": HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 990) for n in range(10_000)) + b"\r\nOi\r\n",
    "one header of 10 MB": HEAD + b"Subject: " + b"x" * 10_000_000 + b"\r\n\r\nOi\r\n",
    "unknown charset": HEAD
    + b"Content-Type: text/plain; charset=x-klingon\r\nSubject: =?x-none?Q?=E1?=\r\n\r\n\xe1\r\n",
    "100 levels": nested(100),
    "10,000 levels": nested(10_000),
    "NUL and invalid bytes": HEAD + b"Subject: a\0b\xff\r\n\r\n\0\xff\xfe\r\n",
    "24 MB of text": HEAD + b"\r\n" + (b"palavra " * 9 + b"\r\n") * 330_000,
    "24 MB of HTML": HEAD + b"Content-Type: text/html\r\n\r\n" + (b"<div><b>" * 9 + b"\r\n") * 320_000,
}


@pytest.fixture
def ingesting(database, files) -> Iterator[None]:
    """As an ingest process with two tasks, woken more often than the scheduler would."""
    stop = threading.Event()
    with Ingest(database, files, 2, SECRET) as ingest:

        def work() -> None:
            while not stop.wait(0.05):
                ingest_due(ingest, stop.is_set)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        yield
        stop.set()
        for thread in threads:
            thread.join(60)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_mail_ends_somewhere_and_the_next_one_does_not_wait(kind, receiving, ingesting, account, rows, files):
    server = receiving()
    server.send(mail("warm"))
    eventually(lambda: rows(MESSAGES), 30)
    server.send(BAD[kind])
    server.send(mail("normal"))
    eventually(lambda: any(row.raw_mail_id == raw_id(rows, "normal@example.com") for row in rows(MESSAGES)), 10)
    eventually(lambda: {row.state for row in rows(RAW_MAILS)} <= {"INGESTED", "QUARANTINED"}, 30)
    [bad] = [row for row in rows(RAW_MAILS) if row.message_id not in ("warm@example.com", "normal@example.com")]
    assert bad.size == sum(len(chunk) for chunk in files.chunks(bad.file_key))
    assert (bad.state == "INGESTED") == any(row.raw_mail_id == bad.id for row in rows(MESSAGES))


def raw_id(rows, message_id):
    return next(row.id for row in rows(RAW_MAILS) if row.message_id == message_id)


def test_a_mail_over_the_size_is_refused_and_the_connection_goes_on(receiving, ingesting, account, rows):
    with receiving().connect() as client:
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            client.sendmail("a@b", account.address, b"Subject: a\r\n\r\n" + b"x" * 26 * 2**20)
        assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (552, b"5.3.4")
        client.sendmail("a@b", account.address, mail("normal"))
    eventually(lambda: rows(MESSAGES), 10)


def test_a_flood_of_bad_mails_does_not_hold_up_a_normal_one(receiving, ingesting, account, rows):
    server = receiving()
    for number in range(20):
        server.send(BAD["10,000 levels"].replace(b"bad@", b"bad%d@" % number))
    server.send(mail("normal"))
    eventually(lambda: any(row.subject == "Pedido" for row in rows(MESSAGES)), 30)
