"""Mails made to break, slow or fool the parser: each gives a safe, bounded result that says what was cut."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from mail.parsing.model import Limits, ParsedMail

Parse = Callable[..., ParsedMail]

HEAD = b"From: Ana <ana@example.com>\r\nTo: sac@example.com\r\nSubject: Oi\r\nDate: Mon, 06 Oct 2025 10:00:00 -0300\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def html(body: bytes) -> bytes:
    return HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + body


def test_fifty_thousand_parts_are_cut_at_the_limit(parse: Parse) -> None:
    raw = MIXED + b"".join(b"--b\r\n\r\npart %d\r\n" % number for number in range(50_000)) + b"--b--"
    mail = parse(raw)
    assert mail.warnings == ("PARTS_TRUNCATED",)
    assert mail.text.startswith("part 0\n\npart 1\n\n")
    assert mail.text.endswith("part 998")


def test_fifty_thousand_files_are_cut_at_the_limit(parse: Parse, tmp_path: Path) -> None:
    part = b"--b\r\nContent-Type: application/pdf\r\n\r\nx\r\n"
    mail = parse(MIXED + part * 50_000 + b"--b--")
    assert len(mail.attachments) == len(list(tmp_path.iterdir())) == 100
    assert mail.warnings == ("ATTACHMENT_DROPPED", "PARTS_TRUNCATED")


@pytest.mark.parametrize("separator", [b", ", b",\r\n ", b"\r\nTo: "])
def test_twenty_thousand_recipients_are_cut_at_the_limit(parse: Parse, separator: bytes) -> None:
    recipients = separator.join(b"U %d <u%d@example.com>" % (number, number) for number in range(20_000))
    mail = parse(b"From: ana@example.com\r\nTo: " + recipients + b"\r\n\r\nOi")
    assert len(mail.to) == 200
    assert mail.to[199].email == "u199@example.com"
    assert "RECIPIENTS_TRUNCATED" in mail.warnings
    assert mail.text == "Oi"


@pytest.mark.parametrize(
    "filler", [b"X-A: " + b"x" * 10_000_000, b"a: b\r\n" * 1_700_000, b"a: b\r\n" + b" \r\n" * 3_000_000]
)
def test_the_body_behind_ten_megabytes_of_headers_is_found(parse: Parse, filler: bytes) -> None:
    mail = parse(HEAD + filler.removesuffix(b"\r\n") + b"\r\n\r\nOi")
    assert mail.sender.email == "ana@example.com"
    assert mail.text == "Oi"
    assert mail.warnings == ("HEADER_TRUNCATED",)


@pytest.mark.parametrize("levels", [100, 10_000])
def test_what_is_nested_too_deep_becomes_a_file(parse: Parse, levels: int) -> None:
    raw = HEAD + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(levels)
    )
    mail = parse(raw + b"\r\nthe end")
    assert mail.warnings == ("DEPTH_TRUNCATED",)
    (rest,) = mail.attachments
    assert Path(rest.path).read_bytes().endswith(b"the end")


def test_mails_in_mails_stay_closed(parse: Parse) -> None:
    mail = parse(HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 10_000 + b"the end")
    (inner,) = mail.attachments
    assert inner.file_name == "anexo-1.eml"
    assert Path(inner.path).read_bytes().endswith(b"the end")


def test_an_unknown_charset_is_read_as_well_as_can_be_and_told(parse: Parse) -> None:
    raw = HEAD.replace(b"Oi", b"=?x-klingon?q?A=C3=A7=C3=A3o?=")
    mail = parse(raw + b"Content-Type: text/plain; charset=x-klingon\r\n\r\nA\xe7\xe3o")
    assert mail.subject == "Ação"
    assert mail.text == "Ação"
    assert mail.warnings == ("UNKNOWN_CHARSET",)


@pytest.mark.parametrize(
    "charset", ["zlib", "unicode_escape", "idna", "punycode", "rot13", "a\x00b", "../utf-8", "é" * 99]
)
def test_codecs_that_are_no_charsets_are_not_run(parse: Parse, charset: str) -> None:
    raw = HEAD + f'Content-Type: text/plain; charset="{charset}"\r\n\r\n\\u0041'.encode()
    mail = parse(raw)
    assert mail.text == "\\u0041"
    assert "UNKNOWN_CHARSET" in mail.warnings


def test_nul_and_lone_surrogates_never_reach_the_result(parse: Parse) -> None:
    nasty = b"a\x00b\xed\xa0\x80c"
    raw = b"From: " + nasty + b" <a\x00@example.com>\r\nSubject: " + nasty + b" =?utf-16?b?2AA=?= =?utf-8?q?=00?=\r\n"
    raw += b"Message-ID: <" + nasty + b">\r\nContent-Type: text/html\r\n\r\n<p>" + nasty + b"&#0;&#xd800;"
    mail = parse(raw)
    everything = repr(mail.sender) + mail.subject + mail.message_id + mail.text + mail.html
    everything.encode()
    assert "\x00" not in everything


def test_a_mail_without_any_header_is_all_text(parse: Parse) -> None:
    mail = parse(b"Bom dia\nmeu pedido sumiu: 123\n")
    assert mail.text == "Bom dia\nmeu pedido sumiu: 123"
    assert mail.message_id == mail.sender.email == ""
    assert mail.warnings == ("DATE_MISSING", "FROM_MISSING")


def test_no_bytes_at_all_are_an_empty_mail(parse: Parse) -> None:
    mail = parse(b"")
    assert (mail.text, mail.html, mail.snippet, mail.attachments) == ("", "", "", ())


def test_encoded_line_breaks_cannot_inject_a_header(parse: Parse) -> None:
    mail = parse(
        b"From: =?utf-8?q?Ana=0D=0ABcc=3A_x=40example.com?= <ana@example.com>\r\n"
        b"Subject: =?utf-8?q?Oi=0D=0ABcc=3A_x=40example.com?=\r\n"
        b"Message-ID: <a\r\n b@example.com>\r\n\r\nOi"
    )
    assert mail.subject == "Oi Bcc: x@example.com"
    assert mail.sender.name == "Ana Bcc: x@example.com"
    assert mail.message_id == "ab@example.com"


def test_a_long_body_is_cut_before_it_is_decoded(parse: Parse) -> None:
    encoded = base64.encodebytes(bytes(15_000_000))
    mail = parse(HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded, Limits(body_characters=1_000))
    assert mail.text == ""
    assert mail.warnings == ("BODY_TRUNCATED",)


def test_an_encoding_that_grows_cannot_make_files_larger_than_the_mail(parse: Parse, tmp_path: Path) -> None:
    part = b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\n"
    mail = parse(MIXED + (part + b"M\n" * 100_000 + b"end\r\n") * 3 + b"--b--")
    assert mail.warnings == ("ATTACHMENT_DROPPED",)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 700_000


def test_one_line_of_twenty_megabytes_is_cut(parse: Parse) -> None:
    mail = parse(HEAD + b"\r\n" + b"x" * 20_000_000)
    assert len(mail.text) == Limits().body_characters
    assert mail.warnings == ("BODY_TRUNCATED",)


def test_twenty_megabytes_of_near_boundaries_are_text(parse: Parse) -> None:
    mail = parse(MIXED + b"--b-\n" * 4_000_000)
    assert mail.text.startswith("--b-\n--b-\n")
    assert mail.warnings == ("BODY_TRUNCATED", "BOUNDARY_MISSING")


@pytest.mark.parametrize(
    "body",
    [
        b"<div>" * 300_000,
        b"<b><p>" * 200_000,
        b"<p " + b"a=1 " * 200_000 + b">",
        b"&" * 1_900_000,
        b"<" * 1_900_000,
        b"<table>x" * 100_000,
        b"<div>" * 20_000 + b"</div>" * 20_000,
    ],
    ids=["div", "b", "attributes", "ampersands", "angles", "table", "closed"],
)
def test_html_that_would_take_quadratic_time_becomes_text(parse: Parse, body: bytes) -> None:
    mail = parse(html(body + b"the end"))
    assert "HTML_TANGLED" in mail.warnings
    assert mail.html.startswith("<div style=")
    assert "the end" in mail.text or "BODY_TRUNCATED" in mail.warnings


def test_cut_html_is_still_whole(parse: Parse) -> None:
    mail = parse(html(b"<p>um &amp; <b>dois</b></p>" * 1_000), Limits(body_characters=5_000))
    assert 4_000 < len(mail.html) <= 5_000
    assert mail.html.endswith(">")
    assert mail.html.count("<p>") == mail.html.count("</p>")
    assert mail.warnings == ("BODY_TRUNCATED",)


@pytest.mark.parametrize("value", [b"(" * 500_000, b'"\\' * 250_000, b"," * 500_000, b"a," * 250_000, b"<" * 500_000])
def test_endless_address_syntax_ends(parse: Parse, value: bytes) -> None:
    mail = parse(b"From: ana@example.com\r\nTo: " + value + b"\r\n\r\nOi")
    assert len(mail.to) <= 200
    assert mail.text == "Oi"


def test_names_of_files_are_only_for_display(parse: Parse, tmp_path: Path) -> None:
    names = [
        (b'filename="../../etc/passwd"', "_.._etc_passwd"),
        (b'filename="C:\\\\windows\\\\a.exe"', "C_windows_a.exe"),
        (b"filename*=utf-8''fatura%E2%80%AEfdp.exe", "faturafdp.exe"),
        (b'filename="a\x00b\x07.txt"', "a b .txt"),
        (b"filename*0*=utf-8''rela%C3%A7; filename*1=ao; filename*2=.pdf", "relaçao.pdf"),
        (b'filename="=?utf-8?q?relat=C3=B3rio?= final.pdf"', "relatório final.pdf"),
        (b'filename="' + b"x" * 500 + b'.pdf"', "x" * 196 + ".pdf"),
        (b'filename=".."', "anexo-8.pdf"),
        (b"", "anexo-9.pdf"),
    ]
    parts = b"".join(
        b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; " + field + b"\r\n\r\nx\r\n"
        for field, _ in names
    )
    mail = parse(MIXED + parts + b"--b--")
    assert [file.file_name for file in mail.attachments] == [shown for _, shown in names]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{number:04}" for number in range(1, 10)]
