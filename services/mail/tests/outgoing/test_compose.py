"""Mails as bytes: whatever was written, each part and name arrives as it was, on lines any server takes."""

from datetime import UTC, datetime
from email.utils import getaddresses
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outgoing_support import parsed

from mail.outgoing.acknowledgement import body, reply_subject
from mail.outgoing.compose import File, Mail, Mailbox, compose, content_type
from mail.outgoing.quote import Quoted, below_html, below_text
from mail.outgoing.recipients import sendable
from mail.outgoing.relay import dotted
from mail.parsing.attachments import safe_name
from mail.parsing.headers import plain, plain_lines
from mail.parsing.markup import clean

AT = datetime(2026, 11, 21, 17, 3, tzinfo=UTC)
# Everything that may stand in a name or text, and what breaks headers above all.
ANY_TEXT = st.text(st.characters() | st.sampled_from("\r\n\0\t\"\\,;:<>@()=?_.% 'çãé😀\u202e\ud800"), max_size=300)


def mail(**changes: object) -> Mail:
    values: dict[str, object] = {
        "sender": Mailbox("SAC", "sac@demo.guiche"),
        "reply_to": "sac+x@demo.guiche",
        "to": [Mailbox("", "ana@example.com")],
        "cc": [],
        "subject": "Pedido",
        "message_id": "g.x@demo.guiche",
        "in_reply_to": "",
        "references": [],
        "at": AT,
        "text": "Olá",
        "html": "",
    }
    return Mail(**values | changes)


def lines_are_fit(raw: bytes) -> None:
    assert raw.isascii()
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@given(name=ANY_TEXT, other=ANY_TEXT, subject=ANY_TEXT, text=ANY_TEXT, html=ANY_TEXT)
@settings(deadline=None)
def test_whatever_is_written_arrives_and_adds_no_header(name, other, subject, text, html):
    raw = compose(
        mail(
            sender=Mailbox(name, "sac@demo.guiche"),
            to=[Mailbox(other, "ana@example.com"), Mailbox(name, "bia@example.com")],
            subject=subject,
            text=text,
            html=html,
        )
    )
    lines_are_fit(raw)
    arrived = parsed(raw)
    names = {"Date", "From", "Reply-To", "To", "Subject", "Message-ID", "Content-Type", "MIME-Version"}
    assert set(arrived.keys()) - {"Content-Transfer-Encoding"} == names
    assert all(len(line) <= 78 for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))
    found = [email for _, email in getaddresses([arrived["From"], arrived["To"]])]
    assert found == ["sac@demo.guiche", "ana@example.com", "bia@example.com"]
    if not arrived.defects:
        assert spaceless(arrived["From"].addresses[0].display_name) == spaceless(plain(name))
        assert spaceless(arrived["Subject"]) == spaceless(plain(subject[:400]))
    said = arrived.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert said.rstrip("\n") == plain_lines(text).rstrip("\n")


def spaceless(text: str) -> str:
    return "".join(text.split())


@given(
    name=ANY_TEXT, content=st.binary(max_size=300), kind=st.sampled_from(["a/b", "text/plain", "", "message/rfc822"])
)
@settings(deadline=None)
def test_files_of_any_name_and_content_arrive_whole(name, content, kind):
    stated = safe_name(name) or "anexo"
    raw = compose(mail(files=[File(stated, kind, content), File("b.txt", "text/plain", b"\r\n.\r\nFrom x\n")]))
    lines_are_fit(raw)
    first, second = parsed(raw).iter_attachments()
    assert first.get_payload(decode=True) == content
    assert spaceless(first.get_filename()) == spaceless(stated)
    assert first.get_content_disposition() == "attachment"
    assert second.get_payload(decode=True) == b"\r\n.\r\nFrom x\n"


@pytest.mark.parametrize(
    ("stated", "sent"),
    [
        ("application/pdf", "application/pdf"),
        ("Text/HTML; charset=x", "text/html"),
        ("", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("a/b\r\nX: y", "application/octet-stream"),
        ("pdf", "application/octet-stream"),
    ],
)
def test_a_part_has_a_type_that_may_stand_there(stated, sent):
    assert content_type(stated) == sent


def test_references_keep_the_root_and_the_newest_and_leave_out_what_would_break_them():
    ids = [f"{number}@example.com" for number in range(50)]
    arrived = parsed(compose(mail(references=[*ids, "a b@x", "x" * 300 + "@y", "<c@d>"], in_reply_to="49@example.com")))
    kept = arrived["References"].split()
    assert (kept[0], kept[-1], len(kept)) == ("<0@example.com>", "<49@example.com>", 20)
    raw = compose(mail(references=["x" * 200 + "@example.com"], in_reply_to="é@example.com"))
    assert b"\r\nIn-Reply-To" not in raw
    assert b"References: <" + b"x" * 200 + b"@example.com>\r\n" in raw


@given(st.lists(st.sampled_from([b".", b"\r\n", b"a", b"..", b"\r\n.\r\n"])).map(b"".join))
def test_no_line_of_a_mail_ends_it_early(content):
    sent = dotted(content)
    assert sent.endswith(b"\r\n.\r\n") or sent == b".\r\n"
    lines = sent.removesuffix(b".\r\n").split(b"\r\n")
    assert b"." not in lines
    restored = b"\r\n".join(line.removeprefix(b".") for line in lines)
    assert restored in (content, content + b"\r\n")


@given(st.text(max_size=80) | st.emails())
def test_what_is_sendable_stands_in_a_command_and_in_a_header_as_it_is(text):
    address = sendable(text)
    if address:
        assert address.isascii()
        assert sendable(address) == address
        assert getaddresses([address]) == [("", address)]
        assert not set(address) & set(' \r\n<>,;:"()[]\\')


@pytest.mark.parametrize(
    ("subject", "protocol", "answer"),
    [
        ("Pedido", "123", "Re: Pedido [Protocolo 123]"),
        ("RES: Re: ENC: Pedido [Protocolo 123]", "123", "Re: Pedido [Protocolo 123]"),
        ("Re[2]: Pedido", "", "Re: Pedido"),
        ("", "123", "Re: Sua mensagem [Protocolo 123]"),
        ("Res", "1", "Re: Res [Protocolo 1]"),
        ("Restaurante: reserva", "1", "Re: Restaurante: reserva [Protocolo 1]"),
        ("x" * 900, "1", f"Re: {'x' * 300} [Protocolo 1]"),
    ],
)
def test_the_subject_of_an_answer_is_marked_once_and_names_the_protocol(subject, protocol, answer):
    assert reply_subject(subject, protocol) == answer


def test_the_words_of_a_department_are_text_and_nothing_else():
    said = body(" <script>x</script>\n\n\n& ", "1")
    assert "<script>" not in said.html
    assert said.html.startswith("<p>&lt;script&gt;x&lt;/script&gt;</p><p>&amp;</p>")


def test_history_is_bounded_and_hostile_history_stays_harmless():
    zone = ZoneInfo("America/Sao_Paulo")
    long = Quoted("", "ana@example.com", AT, "linha\n" * 50_000, "<p>x</p>" * 50_000)
    text = below_text("Olá", long, zone)
    assert text.startswith("Olá\n\nEm 21/11/2026 às 14:03, ana@example.com escreveu:\n\n> linha\n> linha\n")
    assert text.endswith("\n> […]")
    assert len(text) < 40_000
    assert len(below_html("<p>Olá</p>", long, zone)) < 40_000
    hostile = Quoted("<b>\r\nBcc: x", "x", AT, "x", '<script>x</script><img src="http://x/a.png"></div></blockquote>b')
    html = below_html("<p>Olá</p>", hostile, zone)
    assert "<script" not in html
    assert " src=" not in html
    assert "&lt;b&gt; Bcc: x escreveu:" in html
    assert clean(html, {})
