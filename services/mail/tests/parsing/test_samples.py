"""Mails as senders really write them, read as a person reads them (see sample_support and samples/MIT-LICENSE)."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sample_support import PATHS, SAMPLES, named, sample

from mail.parsing.identity import content_hash, header_references, message_id
from mail.parsing.model import Address, ParsedMail
from mail.parsing.pool import ParserPool
from mail.parsing.wire import from_json, to_json, to_line

Parse = Callable[..., ParsedMail]


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    """As ingestion parses: in a child that can be killed."""
    with ParserPool(1) as made:
        yield made


def pairs(addresses: tuple[Address, ...]) -> list[tuple[str, str]]:
    return [(address.name, address.email) for address in addresses]


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_a_sample_is_read_as_a_person_reads_it(pool: ParserPool, path: Path, tmp_path: Path) -> None:
    expected, mail = sample(path), pool.parse(path, tmp_path)
    told = expected.told
    assert mail.automatic == expected.automatic
    assert mail.subject == told["subject"]
    assert mail.sender == Address(**told["sender"])
    assert pairs(mail.to) == expected.addresses("to")
    assert pairs(mail.cc) == expected.addresses("cc")
    assert [one for one in pairs(mail.reply_to) if one[1]] == expected.addresses("reply_to")
    assert mail.date == expected.date
    assert expected.has_text(mail.text), mail.text
    assert mail.new_text == told.get("new_text", "")
    assert bool(mail.html) == told.get("html", False)
    assert [(file.file_name, file.content_type, file.size, file.inline) for file in mail.attachments] == expected.files
    assert list(mail.warnings) == told.get("warnings", [])
    for name in {"message_id", "in_reply_to", "references"} & set(told):
        assert getattr(mail, name) == (told[name] if name == "message_id" else tuple(told[name]))


@pytest.mark.parametrize("path", [path for path in PATHS if "report" in sample(path).told], ids=named)
def test_a_report_tells_who_bounced_and_why(pool: ParserPool, path: Path, tmp_path: Path) -> None:
    told, report = sample(path).told["report"], pool.parse(path, tmp_path).report
    assert (report.action, report.detail) == (told["action"], told["why"])
    assert [one.email for one in report.undelivered] == told["bounced"]
    assert list(report.returned_ids) == told["returned"]


def test_every_bounce_among_the_samples_says_who_and_why() -> None:
    assert all(("report" in sample(path).told) == (sample(path).told["kind"] == "bounce") for path in PATHS)


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_every_sample_survives_the_wire(parse: Parse, path: Path, tmp_path: Path) -> None:
    raw = path.read_bytes()
    mail = parse(raw)
    line = to_line(to_json(mail))
    assert line.count(b"\n") == 1
    assert from_json(json.loads(line), tmp_path) == mail
    assert message_id(raw) == mail.message_id
    assert set(header_references(raw)) == {*mail.references, *mail.in_reply_to}
    assert len(content_hash(raw)) == 32
    for attachment in mail.attachments:
        data = Path(attachment.path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (attachment.size, attachment.sha256)


def test_an_attached_pdf_is_the_same_whatever_the_line_ends(parse: Parse) -> None:
    crlf = parse((SAMPLES / "attachment_emails/attachment_pdf.eml").read_bytes())
    lf = parse((SAMPLES / "attachment_emails/attachment_pdf_lf.eml").read_bytes())
    assert crlf.attachments[0].sha256 == lf.attachments[0].sha256


def test_an_image_shown_in_the_text_is_where_the_text_shows_it(parse: Parse) -> None:
    mail = parse((SAMPLES / "attachment_emails/attachment_message_rfc822_inline_image.eml").read_bytes())
    assert f'src="cid:{mail.attachments[0].content_id}"' in mail.html
