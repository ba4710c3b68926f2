"""Every sample mail through the real receiver and ingestion: each is a message, told once, with all of its bytes."""

import hashlib

import pytest
from mail_support import MAILBOX, SECRET
from sample_support import PATHS, named, sample

from mail.handlers.ingest import Ingest, ingest_due
from mail.storage.tables import ATTACHMENTS, MESSAGES, RAW_MAILS
from servicekit.testing import eventually

ALL = {named(path): sample(path) for path in PATHS}
# Sent one after the other to one mailbox, where a mail that was there before is the same mail.
NEW = {name: one for name, one in ALL.items() if "same_as" not in one.told}


def test_every_sample_sent_by_smtp_has_its_fate_and_none_is_lost(receiving, account, database, files, rows):
    with receiving().connect() as client:
        for one in ALL.values():
            assert client.sendmail("sender@example.com", MAILBOX, one.sent) == {}
    with Ingest(database, files, 2, SECRET) as ingest:
        eventually(lambda: ingest_due(ingest) == 0 and all(row.state != "WAITING" for row in rows(RAW_MAILS)), 60)
    messages = {row.raw_mail_id: row for row in rows(MESSAGES)}
    raws = {b"".join(files.chunks(row.file_key)): row for row in rows(RAW_MAILS)}
    assert len(raws) == len(rows(RAW_MAILS)) == len(messages) == len(NEW)
    for name, one in NEW.items():
        raw = raws[one.sent]
        assert (raw.state, raw.size) == ("INGESTED", len(one.sent)), name
        message = messages[raw.id]
        assert (message.automatic, message.subject, message.date) == (one.automatic, one.told["subject"], one.date), (
            name
        )
        assert {"name": message.sender_name, "email": message.sender_email} == one.told["sender"], name
        assert one.has_text(message.text), name
        files_of_it = sorted(
            (row for row in rows(ATTACHMENTS) if row.message_id == message.id), key=lambda row: row.position
        )
        assert [(row.file_name, row.content_type, row.size, row.inline) for row in files_of_it] == one.files, name
        for row in files_of_it:
            assert hashlib.sha256(b"".join(files.chunks(row.file_key))).hexdigest() == row.sha256, name


@pytest.mark.parametrize("name", ALL)
def test_smtp_carries_a_sample_as_it_is_unless_it_says_why_not(name: str) -> None:
    assert (ALL[name].sent != ALL[name].raw) == ("smtp" in ALL[name].told)


@pytest.mark.parametrize("name", sorted(ALL.keys() - NEW.keys()))
def test_what_is_the_same_mail_is_a_copy_of_a_sample_that_is_sent_before(name: str) -> None:
    assert ALL[name].told["same_as"] in NEW
    assert ALL[name].told["same_as"] < name
