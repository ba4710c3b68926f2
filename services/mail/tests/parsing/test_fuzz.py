"""Mails that nobody sent, for a while: GUICHE_FUZZ_SECONDS and GUICHE_FUZZ_SEED (`make fuzz`).

Parsed as ingestion does it, in a child that is killed beyond its limits. None of these mails is large enough to be beyond them: whatever is
raised is a defect. Processor time is limited instead of the time of a mail's first attempt, which a busy machine makes longer.
"""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from mail_mutants import MOST_BYTES, mutants
from parse_invariants import check_mail

from mail.parsing.identity import content_hash, header_references, message_id
from mail.parsing.model import Limits, ParsedMail
from mail.parsing.pool import ParserPool

SECONDS = float(os.environ.get("GUICHE_FUZZ_SECONDS", "10"))
LIMITS = replace(Limits(), wall_seconds=60, cpu_seconds=3)
SEED = int(os.environ.get("GUICHE_FUZZ_SEED", "1"))


@pytest.mark.timeout(SECONDS + 120)
def test_whatever_comes_is_parsed_within_the_limits_and_always_alike(tmp_path: Path) -> None:
    raw_path, folder, again = tmp_path / "raw", tmp_path / "files", tmp_path / "again"
    end = time.monotonic() + SECONDS
    with ParserPool(1, LIMITS) as pool:
        for mutant in mutants(SEED):
            raw_path.write_bytes(mutant.raw)
            try:
                mail = pool.parse(raw_path, folder)
                check_mail(mutant.raw, mail, folder, LIMITS)
                check_ids(mutant.raw, mail)
                assert without_paths(pool.parse(raw_path, again)) == without_paths(mail)
            except Exception as error:
                error.add_note(mutant.name)
                raise
            shutil.rmtree(folder)
            shutil.rmtree(again)
            if time.monotonic() > end:
                break


def check_ids(raw: bytes, mail: ParsedMail) -> None:
    """The receiver's quick look agrees with the parser."""
    assert message_id(raw) == mail.message_id
    assert set(header_references(raw)) == {*mail.references, *mail.in_reply_to}
    if len(raw) <= MOST_BYTES and raw[:1] not in (b" ", b"\t"):  # trace fields are looked for in so much, and in fields
        assert content_hash(raw) == content_hash(b"Received: from a by b\r\n" + raw)


def without_paths(mail: ParsedMail) -> ParsedMail:
    return replace(mail, attachments=tuple(replace(file, path="") for file in mail.attachments))
