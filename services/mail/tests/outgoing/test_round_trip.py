"""What a customer's program answers to the very mails we send finds its way back, by each of the marks it may keep."""

from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.utils import parseaddr
from functools import partial
from typing import Any

import pytest
from guiche.mail.v1.message_events_pb2 import DeliveryChanged
from guiche.mail.v1.message_pb2 import AUTOMATIC_KIND_ACKNOWLEDGEMENT, DELIVERY_STATE_FAILED
from mail_support import letter
from outgoing_support import Opened, ticket_of
from sqlalchemy import select

from mail.domain import Message
from mail.handlers.ingest import Ingest, ingest_due
from mail.handlers.receive import Recipient, keep_content, keep_rows
from mail.handlers.sending import Sender, send_due
from mail.outgoing.relay import connect
from mail.storage.tables import MESSAGES
from servicekit.events.outbox import OUTBOX


@pytest.fixture
def ingest(database, files, secret) -> Iterator[Ingest]:
    with Ingest(database, files, 1, secret) as made:
        yield made


@pytest.fixture
def arrive(database, files, account, ingest) -> Callable[..., Message]:
    def arrived(raw: bytes, to: str = account.address, sender: str = "ana@example.com") -> Message:
        assert keep_rows(database, [keep_content(files, sender, [Recipient(to, account)], raw)]) == [None]
        ingest_due(ingest)
        with database.transaction() as connection:
            newest = select(MESSAGES).where(MESSAGES.c.direction == "IN").order_by(MESSAGES.c.id.desc()).limit(1)
            return Message(**connection.execute(newest).one()._mapping)

    return arrived


@pytest.fixture
def opened(arrive, account, tell) -> Opened:
    made = ticket_of(arrive(letter("first@c")), account)
    tell(made.opened)
    return made


@pytest.fixture
def sent(database, files, settings, customer) -> Callable[[], EmailMessage]:
    def send() -> EmailMessage:
        chosen = settings(smtp_relay=customer.address, smtp_relay_tls="none")
        send_due(Sender(database, files, partial(connect, chosen)))
        return customer.mails[-1]

    return send


@pytest.fixture
def reply(opened, api, tell, sent) -> EmailMessage:
    message_id = api.prepare(opened)
    sent()
    tell(opened.released(message_id))
    return sent()


def ids(mail: EmailMessage, name: str) -> list[str]:
    return [one.strip("<>") for one in str(mail[name] or "").split()]


@pytest.mark.parametrize("which", ["acknowledgement", "reply"])
def test_an_answer_joins_by_whatever_its_program_keeps(
    arrive: Any, opened: Opened, request: Any, sent: Any, which: str
) -> None:
    mail = request.getfixturevalue("reply") if which == "reply" else sent()
    address = parseaddr(str(mail["Reply-To"]))[1]
    own, references = ids(mail, "Message-ID"), ids(mail, "References")
    assert references == ["first@c"] == ids(mail, "In-Reply-To")
    answers = {
        "REPLY_ADDRESS": arrive(letter("a@c", sender="other@example.com"), to=address),
        "SIGNED_MESSAGE_ID": arrive(letter("b@c", in_reply_to=own, sender="other@example.com")),
        "MESSAGE_ID": arrive(letter("c@c", references=references, sender="other@example.com")),
        "PROTOCOL": arrive(
            letter("d@c", subject=str(mail["Subject"]) if which != "reply" else f"Re: {opened.protocol}")
        ),
    }
    assert {rule: (one.joined_by, one.conversation_id) for rule, one in answers.items()} == {
        rule: (rule, opened.conversation_id) for rule in answers
    }


def test_the_history_below_our_replies_is_told_from_what_is_new(arrive: Any, reply: EmailMessage) -> None:
    body = reply.get_body(("plain",))
    assert body is not None
    quoted = "".join(f"> {line}\n" for line in str(body.get_content()).splitlines())
    text = f"Obrigada.\n\nEm sáb., 21 de nov. de 2026 às 14:03, SAC <{reply['From']}> escreveu:\n\n{quoted}"
    answer = arrive(letter("a@c", body=text))
    assert (answer.new_text, answer.text.startswith("Obrigada."), len(answer.text) > 60) == ("Obrigada.", True, True)


def test_a_report_for_what_was_sent_lets_it_fail_and_says_whether_it_was_an_acknowledgement(
    arrive: Any, opened: Opened, sent: Any, database: Any
) -> None:
    address = parseaddr(str(sent()["Reply-To"]))[1]
    bounce = arrive(letter("b@mx", sender="mailer-daemon@mx.example", body="No such mailbox."), to=address, sender="")
    assert (bounce.automatic, bounce.joined_by, bounce.ticket_id) == ("bounce", "REPLY_ADDRESS", opened.id)
    with database.transaction() as connection:
        told = select(OUTBOX.c.payload).where(OUTBOX.c.type == DeliveryChanged.DESCRIPTOR.full_name)
        last = DeliveryChanged.FromString(connection.scalars(told.order_by(OUTBOX.c.position)).all()[-1])
        failed = connection.execute(select(MESSAGES).where(MESSAGES.c.direction == "OUT")).one()
    assert (last.state, last.automatic) == (DELIVERY_STATE_FAILED, AUTOMATIC_KIND_ACKNOWLEDGEMENT)
    assert (failed.delivery_state, failed.delivery_detail) == ("FAILED", "No such mailbox.")
