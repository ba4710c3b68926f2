"""What servers tell of mails they could not deliver, in the form of the RFCs and in forms of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mail.parsing.model import ParsedMail, Report, Undelivered

Parse = Callable[..., ParsedMail]

HEAD = "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
OURS = "g.abc@demo.guiche"


def report(*recipients: str, returned: str = "message/rfc822", kind: str = "delivery-status") -> bytes:
    status = "\r\n\r\n".join(["Reporting-MTA: dns; mx.example", *recipients])
    return (
        f"{HEAD}Content-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/plain\r\n\r\nI'm sorry.\r\n"
        f"--b\r\nContent-Type: message/{kind}\r\n\r\n{status}\r\n\r\n"
        f"--b\r\nContent-Type: {returned}\r\n\r\nSubject: Re: Pedido\r\nMessage-ID:\r\n <{OURS}>\r\n\r\nOi\r\n--b--\r\n"
    ).encode()


FAILED = "Final-Recipient: rfc822; ana@c.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n User unknown"
DELAYED = "Final-Recipient: rfc822; bia@c.example\r\nAction: delayed\r\nStatus: 4.4.1\r\nDiagnostic-Code: X-Unix; connect timed out"
DELIVERED = "Final-Recipient: rfc822; caio@c.example\r\nAction: delivered\r\nStatus: 2.1.5"


@pytest.mark.parametrize(
    ("recipients", "action", "detail"),
    [
        ([FAILED], "failed", "550 5.1.1 User unknown"),
        ([DELAYED], "delayed", "connect timed out"),
        ([DELIVERED], "delivered", "2.1.5"),
        ([DELAYED, DELIVERED, FAILED], "failed", "550 5.1.1 User unknown"),
        (
            [FAILED, FAILED.replace("User unknown", "Mailbox full")],
            "failed",
            "550 5.1.1 User unknown; 550 5.1.1 Mailbox full",
        ),
        (["Final-Recipient: rfc822; ana@c.example\r\nStatus: 5.7.1"], "failed", "5.7.1"),
        (["Final-Recipient: rfc822; ana@c.example\r\nAction: FAILED (really)\r\nStatus: 5.0.0"], "failed", "5.0.0"),
        (["Final-Recipient: rfc822; ana@c.example\r\nAction: exploded"], "", ""),
        ([], "", ""),
    ],
)
def test_the_worst_of_a_reports_recipients_counts(
    parse: Parse, recipients: list[str], action: str, detail: str
) -> None:
    mail = parse(report(*recipients))
    assert mail.automatic == "bounce"
    assert (mail.report.action, mail.report.detail, mail.report.returned_ids) == (action, detail, (OURS,))


def test_the_recipients_that_failed_are_named_each_with_the_words_for_it(parse: Parse) -> None:
    forwarded = FAILED.replace("ana@c.example", "<x@d.example>").replace("User unknown", "Mailbox full")
    found = parse(report(DELAYED, FAILED, DELIVERED, "Original-Recipient: rfc822;bia@c.example\r\n" + forwarded))
    assert found.report.undelivered == (
        Undelivered("ana@c.example", "550 5.1.1 User unknown"),
        Undelivered("bia@c.example", "550 5.1.1 Mailbox full"),
        Undelivered("x@d.example", "550 5.1.1 Mailbox full"),
    )
    assert parse(report("Final-Recipient: rfc822; nobody\r\nAction: failed", DELAYED)).report.undelivered == ()


@pytest.mark.parametrize(
    "returned",
    ["message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"],
)
def test_the_returned_mail_is_named_in_whichever_form_it_comes(parse: Parse, returned: str) -> None:
    assert parse(report(FAILED, returned=returned)).report.returned_ids == (OURS,)


def test_a_report_in_utf_8_is_one_as_well(parse: Parse) -> None:
    mail = parse(report(FAILED.replace("rfc822;", "utf-8;"), kind="global-delivery-status"))
    assert (mail.automatic, mail.report.action) == ("bounce", "failed")


def test_a_report_without_a_text_shows_what_it_has_as_its_status(parse: Parse) -> None:
    prose = "--b\r\nContent-Type: message/delivery-status\r\n\r\n{}\r\n"
    head = HEAD + "Content-Type: multipart/report; boundary=b\r\n\r\n"
    mail = parse((head + prose.format("Mailbox of Ana is full.") + prose.format(FAILED) + "--b--").encode())
    assert mail.text == "Mailbox of Ana is full."
    assert mail.report.action == "failed"
    assert len(mail.attachments) == 1


def test_what_servers_said_to_each_other_is_no_quotation(parse: Parse) -> None:
    mail = parse(report(FAILED).replace(b"I'm sorry.", b"I'm sorry.\r\n>>> DATA\r\n<<< 550 no"))
    assert (mail.text, mail.new_text) == ("I'm sorry.\n>>> DATA\n<<< 550 no", "")


QMAIL = f"""Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<ana@c.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <sac@demo.guiche>
From: SAC <sac@demo.guiche>
Message-ID: <{OURS}>
Subject: Re: Pedido

Oi
"""


def test_a_server_that_knows_no_reports_repeats_the_returned_header_in_its_text(parse: Parse) -> None:
    mail = parse((HEAD.replace("Undelivered", "failure notice: undelivered") + "\r\n" + QMAIL).encode())
    assert mail.report == Report("", "", (OURS,))


def test_a_returned_mail_that_is_attached_without_a_report_is_named(parse: Parse) -> None:
    raw = (
        f"{HEAD}X-Failed-Recipients: ana@c.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nYour message did not reach some or all of the intended recipients.\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <{OURS}>\r\n\r\nOi\r\n--b--\r\n"
    )
    mail = parse(raw.encode())
    assert (mail.automatic, mail.report) == ("bounce", Report("", "", (OURS,)))


@pytest.mark.parametrize(
    "subject",
    [
        "Delivery Status Notification (Delay): message delayed",
        "Warning: could not send message for past 4 hours",
        "Mensagem atrasada: Re: Pedido",
    ],
)
def test_a_warning_without_a_report_is_known_by_its_subject(parse: Parse, subject: str) -> None:
    assert (
        parse(f"From: MAILER-DAEMON@mx.example\r\nSubject: {subject}\r\n\r\nOi\r\n".encode()).report.action == "delayed"
    )


@pytest.mark.parametrize(
    ("name", "action", "detail"),
    [
        ("multi_address_bounce1", "failed", "550"),
        ("multipart_report_multiple_status", "failed", "5.3.0"),
        ("report_422", "delayed", "452 4.2.2 <fraser@oooooooo.com.au>... Mailbox full"),
        ("report_530", "failed", "553 5.3.0"),
    ],
)
def test_reports_as_servers_wrote_them(parse: Parse, samples: Path, name: str, action: str, detail: str) -> None:
    mail = parse((samples / "multipart_report_emails" / f"{name}.eml").read_bytes())
    assert (mail.automatic, mail.report.action) == ("bounce", action)
    assert mail.report.detail.startswith(detail)
    assert len(mail.report.returned_ids) == 1


@pytest.mark.parametrize(
    "killer",
    [
        "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nDiagnostic-Code: smtp; " + "x" * 1_000_000,
        "\r\n\r\n".join(["Final-Recipient: rfc822; a@b.example\r\nAction: failed"] * 50_000),
        "Action: " + "(" * 500_000,
        "\r\n" * 1_000_000,
    ],
)
def test_no_report_makes_it_slow_or_long(parse: Parse, killer: str) -> None:
    assert len(parse(report(killer)).report.detail) <= 1_000


def test_of_many_status_parts_only_the_first_few_are_read(parse: Parse) -> None:
    status = "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; {}@c.example\r\nAction: failed\r\n"
    parts = "".join(status.format(number) for number in range(900))
    mail = parse(f"{HEAD}Content-Type: multipart/report; boundary=b\r\n\r\n{parts}--b--\r\n".encode())
    assert [one.email for one in mail.report.undelivered] == [f"{number}@c.example" for number in range(5)]


def test_no_text_makes_the_search_for_returned_ids_slow_or_long(parse: Parse) -> None:
    for killer in (
        "Message-ID: <" * 100_000,
        "message-id: <a@b>\n" * 100_000,
        "> " * 500_000,
        "message-id:" + " " * 900_000,
    ):
        assert len(parse((HEAD + "\r\n" + killer).encode()).report.returned_ids) <= 5
