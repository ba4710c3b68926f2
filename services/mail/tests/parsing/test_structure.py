"""Which part becomes the body, which a file, by RFC 2046 and by what clients send."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mail.parsing.model import ParsedMail

Parse = Callable[..., ParsedMail]

HEAD = b"From: ana@example.com\r\nDate: Mon, 06 Oct 2025 10:00:00 -0300\r\n"


def multipart(kind: bytes, *parts: bytes, boundary: bytes = b"b") -> bytes:
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return (
        b"Content-Type: multipart/"
        + kind
        + b"; boundary="
        + boundary
        + b"\r\n\r\n"
        + body
        + b"--"
        + boundary
        + b"--\r\n"
    )


TEXT = b"Content-Type: text/plain\r\n\r\nem texto"
HTML = b'Content-Type: text/html\r\n\r\n<p>em html <img src="cid:i@a"></p>'
IMAGE = b"Content-Type: image/png; name=i.png\r\nContent-ID: <i@a>\r\nContent-Disposition: inline\r\n\r\nPNG"
PDF = b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\nPDF"


def names(mail: ParsedMail) -> list[tuple[str, bool]]:
    return [(file.file_name, file.inline) for file in mail.attachments]


def test_alternatives_are_one_body(parse: Parse) -> None:
    mail = parse(HEAD + multipart(b"alternative", TEXT, multipart(b"related", HTML, IMAGE, boundary=b"c")))
    assert mail.text == "em texto"
    assert mail.html == '<p>em html <img src="cid:i@a"></p>'
    assert names(mail) == [("i.png", True)]
    assert mail.warnings == ()


def test_html_alone_gives_the_text(parse: Parse) -> None:
    mail = parse(HEAD + multipart(b"mixed", HTML, PDF))
    assert mail.text == mail.snippet == "em html"
    assert names(mail) == [("a.pdf", False)]


def test_a_page_may_name_its_own_charset(parse: Parse) -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=shift_jis"><p>あいうえお'.encode("cp932")
    assert parse(HEAD + b"Content-Type: text/html\r\n\r\n" + page).text == "あいうえお"


def test_texts_around_a_file_are_joined(parse: Parse) -> None:
    mail = parse(HEAD + multipart(b"mixed", TEXT, PDF, b"\r\ndepois"))
    assert mail.text == "em texto\n\ndepois"
    assert mail.html == ""


def test_plain_text_beside_html_is_part_of_the_html(parse: Parse) -> None:
    mail = parse(HEAD + multipart(b"mixed", HTML, PDF, b"\r\n<rodap\xc3\xa9>"))
    assert mail.text == "em html\n\n<rodapé>"
    assert mail.html.endswith('<div style="white-space:pre-wrap">&lt;rodapé&gt;</div>')


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (b"Content-Type: text/plain; name=notas.txt\r\n\r\nx", "notas.txt"),
        (b"Content-Type: text/calendar; method=REQUEST\r\n\r\nx", "anexo-1.ics"),
        (b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny", "anexo-1.eml"),
        (b"Content-Type: message/rfc822; name=antiga\r\n\r\nSubject: x\r\n\r\ny", "antiga.eml"),
        (b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx", "winmail.dat"),
        (b"Content-Type: text/html\r\nContent-Disposition: attachment\r\n\r\nx", "anexo-1.html"),
        (b"Content-Type: image/jpeg\r\n\r\nx", "anexo-1.jpg"),
        (b"Content-Type: nonsense\r\nContent-Disposition: attachment; filename=a\r\n\r\nx", "a"),
    ],
)
def test_what_is_no_body_is_a_file(parse: Parse, part: bytes, name: str) -> None:
    mail = parse(HEAD + multipart(b"mixed", TEXT, part))
    assert mail.text == "em texto"
    assert names(mail) == [(name, False)]


def test_a_boundary_that_begins_like_another_is_not_that_one(parse: Parse) -> None:
    inner = multipart(b"alternative", TEXT, HTML, boundary=b"b-1")
    mail = parse(HEAD + multipart(b"mixed", inner, PDF))
    assert (mail.text, names(mail)) == ("em texto", [("a.pdf", False)])


def test_a_boundary_that_ends_in_dashes_is_not_the_end_of_another(parse: Parse) -> None:
    inner = multipart(b"alternative", TEXT, HTML, boundary=b"b--")
    mail = parse(HEAD + multipart(b"mixed", inner, PDF, boundary=b"b"))
    assert mail.text == "em texto"


def test_an_inner_multipart_that_was_never_closed_ends_with_the_outer_part(parse: Parse) -> None:
    inner = multipart(b"alternative", TEXT, HTML, boundary=b"c").removesuffix(b"--c--\r\n")
    mail = parse(HEAD + multipart(b"mixed", inner, PDF))
    assert (mail.text, names(mail)) == ("em texto", [("a.pdf", False)])


def test_a_multipart_without_parts_is_text(parse: Parse) -> None:
    mail = parse(HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\nBom dia")
    assert mail.text == "Bom dia"
    assert mail.warnings == ("BOUNDARY_MISSING",)


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (b"Auto-Submitted: auto-replied (vacation)", "auto-submitted"),
        (b"Auto-Submitted: no", ""),
        (b"Precedence: bulk", "bulk"),
        (b"Precedence: auto_reply", "auto-submitted"),
        (b"List-Id: <a.example.com>", "list"),
        (b"X-Failed-Recipients: a@example.com", "bounce"),
        (b"Content-Type: multipart/report; report-type=delivery-status; boundary=b", "bounce"),
        (b"Content-Type: multipart/report; report-type=disposition-notification; boundary=b", "auto-submitted"),
        (b"X-Auto-Response-Suppress: All", ""),
        (b"List-Unsubscribe: <mailto:a@example.com>", ""),
    ],
)
def test_machines_are_told_from_people(parse: Parse, field: bytes, reason: str) -> None:
    assert parse(HEAD + field + b"\r\n\r\n--b\r\n\r\nx\r\n--b--").automatic == reason


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (b"Content-Location: http://x.example/fotos/praia%20sul.jpg?large", "praia sul.jpg"),
        (b"Content-Location: ../../etc/passwd", "anexo-1.jpg"),
        (b"Content-Location: https://x.example/", "anexo-1.jpg"),
        (b"Content-Location: a.jpg\r\nContent-Disposition: inline; filename=b.jpg", "b.jpg"),
    ],
)
def test_a_file_without_a_name_may_have_one_in_its_location(parse: Parse, field: bytes, name: str) -> None:
    mail = parse(HEAD + multipart(b"mixed", TEXT, b"Content-Type: image/jpeg\r\n" + field + b"\r\n\r\nJPG"))
    assert names(mail) == [(name, False)]


def test_a_text_stays_text_though_it_has_a_location(parse: Parse) -> None:
    mail = parse(HEAD + multipart(b"mixed", b"Content-Type: text/plain\r\nContent-Location: t.txt\r\n\r\nem texto"))
    assert (mail.text, mail.attachments) == ("em texto", ())


@pytest.mark.parametrize("kind", [b"text/x-amp-html", b"text/enriched", b"text/watch-html"])
def test_further_forms_of_the_text_are_no_files(parse: Parse, kind: bytes) -> None:
    other = b"Content-Type: " + kind + b"\r\n\r\nem outra forma"
    assert names(parse(HEAD + multipart(b"alternative", TEXT, other, HTML))) == []
    assert len(names(parse(HEAD + multipart(b"alternative", other)))) == 1
    assert len(names(parse(HEAD + multipart(b"mixed", TEXT, other)))) == 1


def test_a_file_with_a_name_is_a_file_also_beside_its_text(parse: Parse) -> None:
    letter = b"Content-Type: text/rtf; name=contrato.rtf\r\n\r\n{}"
    assert names(parse(HEAD + multipart(b"alternative", TEXT, letter))) == [("contrato.rtf", False)]


def test_an_invitation_beside_its_text_is_a_file(parse: Parse) -> None:
    invitation = b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR"
    assert names(parse(HEAD + multipart(b"alternative", TEXT, invitation))) == [("anexo-1.ics", False)]


@pytest.mark.parametrize(
    "date",
    [
        b"Mon, 06 Oct 2025 10:00:00 -0300",
        b"Mon, 06 Oct 2025 10:00:00 -0300 (BRT)",
        b"Mon, 06 (sexto) Oct 2025 10 : 00(h) :  00 -0300",
        b"6 Oct 25 13:00 GMT",
    ],
)
def test_dates_are_read_as_the_rfcs_ever_allowed_them(parse: Parse, date: bytes) -> None:
    assert parse(b"From: a@b.example\r\nDate: " + date + b"\r\n\r\nOi").date == datetime(2025, 10, 6, 13, tzinfo=UTC)


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "us-ascii", "iso-8859-1"])
def test_a_byte_order_mark_is_no_text(parse: Parse, charset: str) -> None:
    written = "Bom dia".encode("utf-16" if charset == "utf-16" else "utf-8-sig")
    for kind in ("plain", "html"):
        mail = parse(HEAD + f"Content-Type: text/{kind}; charset={charset}\r\n\r\n".encode() + written)
        assert (mail.text, mail.html) == ("Bom dia", "Bom dia" if kind == "html" else "")
