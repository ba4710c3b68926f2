"""Mails from the test suite of the Ruby library `mail` (see samples/MIT-LICENSE): real and really broken ones."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mail.parsing.identity import content_hash, header_references, message_id
from mail.parsing.model import Address, ParsedMail
from mail.parsing.wire import from_json, to_json, to_line

Parse = Callable[..., ParsedMail]

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*/*.eml"))
PDF = ("broken.pdf", "application/pdf", 1026)

# path: subject, sender, start of the text, attachments (name, type, size)
FACTS = {
    "attachment_emails/attachment_pdf.eml": (
        "Another PDF with 🎉 Unicode chars in it 🍿",
        Address("Test Tester", "xxxx@xxxx.com"),
        "Just attaching another PDF, here,",
        [PDF],
    ),
    "attachment_emails/attachment_message_rfc822.eml": (
        "testing",
        Address("", "foo@example.com"),
        "This is the first part.",
        [("ForwardedMessage.eml", "message/rfc822", 3781)],
    ),
    "attachment_emails/attachment_nonascii_filename.eml": (
        "testing",
        Address("", "foo@example.com"),
        "This is the first part.",
        [("ciële.txt", "text/plain", 11)],
    ),
    "attachment_emails/attachment_only_email.eml": (
        "this message JUST contains an attachment",
        Address("Ryan Finnie", "rfinnie@domain.dom"),
        "",
        [("blah.gz", "application/x-gzip", 288)],
    ),
    "attachment_emails/attachment_with_base64_encoded_name.eml": (
        "Fwd: Signed email causes file attachments",
        Address("xxxxxxxxx xxxxxxx", "xxxxxxxxx.xxxxxxx@gmail.com"),
        "We should not include these files",
        [("This is a test.pdf", "application/pdf", 399)],
    ),
    "attachment_emails/attachment_with_quoted_filename.eml": (
        "Eelanalüüsi päring",
        Address("Jeffrey Hardy", "jeff@37signals.com"),
        "",
        [("Eelanalüüsi päring.jpg", "image/jpeg", 1952)],
    ),
    "error_emails/bad_encoded_subject.eml": ("TEST", Address("", ""), "TEST", []),
    "error_emails/bad_subject.eml": (
        "MySurvey.com:  You have a survey waiting!  91123105",
        Address("MySurvey.com & Carol Adams", "carol@mysurvey.com"),
        "You have a survey waiting!",
        [],
    ),
    "error_emails/cant_parse_from.eml": (
        "Meet the new MacBook Pro family. Now includes 13-inch.",
        Address("Apple", "News@insideapple.apple.com"),
        "From one solid piece of aluminum",
        [],
    ),
    "error_emails/content_transfer_encoding_with_semi_colon.eml": (
        "Attention",
        Address("Shelby", "nsukijamq@morozstudio.tk"),
        "Dear Homeowner,",
        [],
    ),
    "error_emails/header_fields_with_empty_values.eml": (
        "Testmail",
        Address("Jørn Støylen", "jorn@prikkprikkprikk.no"),
        "--\nJørn Støylen",
        [],
    ),
    "error_emails/invalid_subject_characters.eml": (
        "Formação FrenetikPolis: Mega Campanha Final Verão | Cursos de Setembro",
        Address("Formação Frenetikpolis", "info@formacaofrenetik.info"),
        "TEST",
        [],
    ),
    "error_emails/missing_content_disposition.eml": (
        "Redacted",
        Address("", "redacted@example.com"),
        "",
        [("anexo-1.jpg", "image/jpg", 1311)],
    ),
    "mime_emails/email_with_similar_boundaries.eml": (
        "Xxxxxx",
        Address("Xxxxx", "xxxxxx@xxxxxxxx.xxx"),
        "Test",
        [("LOGO.png", "application/octetstream", 3)],
    ),
    "mime_emails/raw_email7.eml": (
        "testing",
        Address("", "foo@example.com"),
        "This is the first part.",
        [
            ("test.rb", "text/x-ruby-script", 25),
            ("test.pdf", "application/pdf", 14),
            ("smime.p7s", "application/pkcs7-signature", 227),
        ],
    ),
    "mime_emails/raw_email_with_illegal_boundary.eml": (
        "Testing outlook",
        Address("Mikel Lindsaar", "email_test@me.nowhere"),
        "Hello\nThis is an outlook test",
        [],
    ),
    "mime_emails/raw_email_with_nested_attachment.eml": (
        "Testing attachments",
        Address("Jamis Buck", "jamis@37signals.com"),
        "Here is a test of an attachment via email.\n\n- Jamis",
        [("truncated.png", "image/png", 1902), ("smime.p7s", "application/pkcs7-signature", 939)],
    ),
    "multi_charset/japanese_attachment_long_name.eml": (
        "まみむめも" * 10,
        Address("Mikel Lindsaar", "mikel@test.lindsaar.net"),
        "",
        [("かきくけこ" * 5 + ".txt", "text/plain", 18)],
    ),
    "multi_charset/japanese_iso_2022.eml": (
        "まみむめも",
        Address("Mikel Lindsaar", "raasdnil@gmail.com"),
        "すみません。",
        [],
    ),
    "multi_charset/japanese_shift_jis.eml": ("test", Address("", "xxxxxxx@docomo.ne.jp"), "あいうえお", []),
    "multi_charset/ks_c_5601-1987.eml": ("test", Address("", "from@example.com"), "스티해", []),
    "plain_emails/raw_email.eml": (
        "NOTE: 한국말로 하는 것",
        Address("Jamis Buck", "jamis@37signals.com"),
        "대부분의 마찬가지로, 우리는 하나님을 믿습니다.",
        [],
    ),
    "plain_emails/raw_email_incorrect_header.eml": (
        "Stop adware/spyware once and for all.",
        Address("xxx xxx", "xxx@xxx.xxx"),
        "You are infected with:",
        [],
    ),
    "rfc2822/example10.eml": ("", Address("Pete", "pete@silly.test"), "Testing.", []),
    "rfc2822/example13.eml": ("Saying Hello", Address("John Doe", "jdoe@machine.example"), "This is a message", []),
    "rfc6532/utf8_headers.eml": ("Säying Hello", Address("Jöhn Doe", "jdöe@mächine.example"), "body", []),
}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_sample_parses_and_survives_the_wire(parse: Parse, path: Path, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("name", FACTS)
def test_a_sample_says_what_its_sender_wrote(parse: Parse, samples: Path, name: str) -> None:
    subject, sender, text, attachments = FACTS[name]
    mail = parse((samples / name).read_bytes())
    assert (mail.subject, mail.sender) == (subject, sender)
    assert mail.text.startswith(text)
    assert bool(mail.text) == bool(text)
    assert [(file.file_name, file.content_type, file.size) for file in mail.attachments] == attachments


def test_an_attached_pdf_is_the_same_whatever_the_line_ends(parse: Parse, samples: Path) -> None:
    crlf = parse((samples / "attachment_emails/attachment_pdf.eml").read_bytes())
    lf = parse((samples / "attachment_emails/attachment_pdf_lf.eml").read_bytes())
    assert crlf.attachments[0].sha256 == lf.attachments[0].sha256
    assert crlf.text == lf.text


def test_groups_are_flattened_and_comments_are_no_recipients(parse: Parse, samples: Path) -> None:
    mail = parse((samples / "rfc2822/example10.eml").read_bytes())
    assert mail.to == (
        Address("Chris Jones", "c@public.example"),
        Address("", "joe@example.org"),
        Address("John", "jdoe@one.test"),
    )
    assert mail.cc == ()


def test_an_image_shown_in_the_text_is_inline(parse: Parse, samples: Path) -> None:
    mail = parse((samples / "attachment_emails/attachment_message_rfc822_inline_image.eml").read_bytes())
    image, forwarded = mail.attachments
    assert (image.file_name, image.inline) == ("img.png", True)
    assert f'src="cid:{image.content_id}"' in mail.html
    assert (forwarded.file_name, forwarded.inline) == ("Testmail.eml", False)


def test_the_date_is_in_utc_and_a_bad_one_is_none(parse: Parse, samples: Path) -> None:
    good = parse((samples / "plain_emails/basic_email.eml").read_bytes())
    assert good.date == datetime(2008, 11, 22, 4, 4, 59, tzinfo=UTC)
    bad = parse((samples / "plain_emails/raw_email_with_bad_date.eml").read_bytes())
    assert bad.date is None
    assert "DATE_UNUSABLE" in bad.warnings


def test_a_reply_names_its_parents_oldest_first(parse: Parse, samples: Path) -> None:
    mail = parse((samples / "plain_emails/raw_email_reply.eml").read_bytes())
    assert mail.message_id == "473FFE27.20003@xxx.org"
    assert mail.references == ("473FF3B8.9020707@xxx.org", "348F04F142D69C21-291E56D292BC@xxxx.net")
    assert mail.in_reply_to == ("348F04F142D69C21-291E56D292BC@xxxx.net",)


def test_delivery_reports_are_bounces_and_mailing_lists_are_lists(parse: Parse, samples: Path) -> None:
    for path in (samples / "multipart_report_emails").glob("*.eml"):
        assert parse(path.read_bytes()).automatic == "bounce", path
    assert parse((samples / "error_emails/empty_in_reply_to.eml").read_bytes()).automatic == "list"
    assert parse((samples / "plain_emails/basic_email.eml").read_bytes()).automatic == ""
