"""Whatever the bytes, a result comes, within its limits, that JSON and PostgreSQL can hold."""

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from parse_invariants import check_mail

from mail.parsing.identity import content_hash, header_references, message_id
from mail.parsing.message import parse
from mail.parsing.model import Limits

LIMITS = Limits(parts=6, depth=3, recipients=4, header_bytes=400, body_characters=60, attachments=3)
PIECES = [
    b"\r\n", b"\n", b"\r\n\r\n", b" ", b"\t", b"\x00", b"\xff", b"\xed\xa0\x80", b"a", b"--", b"--b", b"--b--", b"--c\r\n", b"<", b">", b"@",
    b",", b";", b":", b'"', b"\\", b"(", b")", b"=", b"&#0;", b"&#xd800;", b"&amp;", b"<p>", b"<img src=http://a/b>", b"<img src=cid:x>",
    b"From: a <b@c.d>", b"To: ", b"Subject: ", b"Date: Mon, 06 Oct 2025 10:00:00 -0300", b"Date: 1 Jan 0001 00:00:00 +2359",
    b"Message-ID: <x@y>", b"References: <x@y> <z@", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
    b"Content-Type: multipart/alternative; boundary=c\r\n\r\n", b"Content-Type: multipart/related; boundary*0=c; boundary*1=d",
    b"Content-Type: text/html\r\n\r\n", b"Content-Type: text/plain; charset=", b"Content-Type: multipart/report; report-type=delivery-status;",
    b"utf-16", b"utf-7", b"iso-2022-jp", b"zlib", b"Content-Type: image/png; name*=utf-9''%ff%00", b"Content-ID: <x>",
    b"Content-Disposition: attachment; filename*0*=''%", b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: x-uuencode",
    b"Content-Transfer-Encoding: quoted-printable", b"begin 644 a\n", b"M\n", b"=?utf-8?q?=FF?=", b"=?utf-16?b?2AA=?=", b"=?x?b?A?=", b"Em x escreveu:\n",
]  # fmt: skip
mails = st.one_of(
    st.binary(max_size=400),
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=5)), max_size=40).map(b"".join),
    st.lists(st.sampled_from(PIECES), max_size=30).map(b"\r\n".join),
)


@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=mails)
def test_any_bytes_give_a_bounded_storable_mail(tmp_path: Path, raw: bytes) -> None:
    check_mail(raw, parse(raw, tmp_path, LIMITS), tmp_path, LIMITS)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=mails)
def test_the_receivers_scan_and_the_parser_agree_on_ids(tmp_path: Path, raw: bytes) -> None:
    mail = parse(raw, tmp_path, Limits())
    assert message_id(raw) == mail.message_id
    assert set(header_references(raw)) == {*mail.references, *mail.in_reply_to}


@settings(max_examples=1_000, deadline=None)
@example(raw=b"\n\0")
@given(raw=mails.filter(lambda raw: not raw.startswith((b" ", b"\t"))))
def test_another_hop_never_changes_the_hash(raw: bytes) -> None:
    assert content_hash(raw) == content_hash(b"Received: from a\r\n by b\r\n" + raw)
