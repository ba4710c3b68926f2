"""Mail of machines stands in its conversation; a report that returns a message of ours lets it fail, once."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from guiche.mail.v1.message_events_pb2 import DeliveryChanged, MessageReceived
from guiche.mail.v1.message_pb2 import (
    AUTOMATIC_KIND_ACKNOWLEDGEMENT,
    AUTOMATIC_KIND_UNSPECIFIED,
    DELIVERY_STATE_FAILED,
)
from mail_support import PROTOCOL, SECRET, letter
from sqlalchemy import select, text, update

from mail import signing
from mail.domain import Ticket
from mail.handlers.ingest import Ingest, ingest_due
from mail.storage import directory
from mail.storage.tables import MESSAGES
from servicekit.database import Database
from servicekit.events.outbox import OUTBOX
from servicekit.ids import new_id
from servicekit.testing import eventually

HEAD = "From: Mail System <mailer-daemon@mx.example>\r\nSubject: Undelivered\r\nMessage-ID: <bounce@mx>\r\n"
TEXT = "Content-Type: text/plain\r\n\r\nSorry, no mailbox here by that name."


def report(returned: str = "", action: str = "failed", headers: str = "", whom: str = "rfc822; ana@c.example") -> bytes:
    parts = [
        TEXT,
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: {whom}\r\nAction: {action}\r\nDiagnostic-Code: smtp; 550 5.1.1 User unknown",
        f"Content-Type: message/rfc822\r\n\r\nMessage-ID: <{returned}>\r\n\r\nOi" if returned else TEXT,
    ]
    kind = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    return (HEAD + headers + kind + "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n").encode()


def old(headers: str = "", body: str = "Sorry, no mailbox here by that name.") -> bytes:
    return f"{HEAD}{headers}\r\n{body}\r\n".encode()


@pytest.fixture
def sent(begun: SimpleNamespace, account: Any, answer: Any) -> SimpleNamespace:
    """A reply of ours on a ticket."""
    return answer(account, begun.conversation, ticket_id=begun.ticket)


@pytest.fixture
def state(database: Database, sent: SimpleNamespace) -> Callable[[], tuple[str, str]]:
    def read() -> tuple[str, str]:
        with database.transaction() as connection:
            row = connection.execute(select(MESSAGES).where(MESSAGES.c.id == sent.id)).one()
        return row.delivery_state, row.delivery_detail

    return read


@pytest.fixture
def told(database: Database) -> Callable[[], list[DeliveryChanged]]:
    def read() -> list[DeliveryChanged]:
        with database.transaction() as connection:
            rows = connection.execute(select(OUTBOX).order_by(OUTBOX.c.position)).all()
        return [DeliveryChanged.FromString(row.payload) for row in rows if row.type.endswith("DeliveryChanged")]

    return read


@pytest.fixture
def received(database: Database) -> Callable[[], list[MessageReceived]]:
    def read() -> list[MessageReceived]:
        with database.transaction() as connection:
            rows = connection.execute(select(OUTBOX).order_by(OUTBOX.c.position)).all()
        return [MessageReceived.FromString(row.payload) for row in rows if row.type.endswith("MessageReceived")]

    return read


REFUSED = ("FAILED", "550 5.1.1 User unknown")
OWN_WORDS = ("FAILED", "Sorry, no mailbox here by that name.")


@pytest.mark.parametrize(
    ("bounce", "addressed", "outcome"),
    [
        (lambda ours: report(), True, REFUSED),
        (lambda ours: report(ours.header_id), False, REFUSED),
        (lambda ours: report(headers=f"In-Reply-To: <{ours.header_id}>\r\n"), False, REFUSED),
        (lambda ours: report(headers=f"References: <a@b> <{ours.header_id}>\r\n"), False, REFUSED),
        (lambda ours: old(), True, OWN_WORDS),
        (lambda ours: old(f"In-Reply-To: <{ours.header_id}>\r\n"), False, OWN_WORDS),
        (lambda ours: old(body=f"Não entregue.\r\n\r\nMessage-ID: <{ours.header_id}>"), False, None),
    ],
    ids=["address", "returned mail", "in-reply-to", "references", "old", "old in-reply-to", "old returned text"],
)
def test_a_bounce_lets_the_message_fail_with_the_servers_words_and_stands_on_its_ticket(
    arrive: Any, found: Any, begun: Any, sent: Any, state: Any, told: Any, bounce: Any, addressed: Any, outcome: Any
) -> None:
    arrive(bounce(sent), to=[sent.address] if addressed else (), sender="")
    message = found()["bounce@mx"]
    assert (message.automatic, message.conversation_id, message.ticket_id) == (
        "bounce",
        begun.conversation,
        begun.ticket,
    )
    assert message.joined_by == ("REPLY_ADDRESS" if addressed else "SIGNED_MESSAGE_ID")
    assert state() == outcome if outcome else state()[0] == "FAILED"
    [event] = told()
    assert (event.message_id, event.state) == (str(sent.id), DELIVERY_STATE_FAILED)
    assert (event.ticket_id, event.conversation_id) == (str(begun.ticket), str(begun.conversation))
    assert event.automatic == AUTOMATIC_KIND_UNSPECIFIED


ANA = "mailer-daemon@mx.example", "ana@c.example"


@pytest.mark.parametrize(
    ("notice", "failed"),
    [
        (lambda ours: old(), False),
        (lambda ours: old(f"In-Reply-To: <{ours.header_id}>\r\nReferences: <{ours.header_id}>\r\n"), False),
        (lambda ours: old(body=f"Message-ID: <{ours.header_id}>\r\n\r\nOi"), True),
        (lambda ours: old().replace(b"mailer-daemon", b"POSTMASTER"), True),
        (lambda ours: report(ours.header_id), True),
        (lambda ours: report(action="exploded"), False),
    ],
    ids=["holiday answer", "naming ours", "returning ours", "of a server", "report", "report without a meaning"],
)
def test_what_comes_from_the_null_sender_lets_a_message_fail_only_by_what_servers_say(
    arrive: Any, found: Any, begun: Any, sent: Any, state: Any, notice: Any, failed: bool
) -> None:
    arrive(notice(sent).replace(*(one.encode() for one in ANA)), to=[sent.address], sender="")
    assert (state()[0], found()["bounce@mx"].ticket_id) == ("FAILED" if failed else "SENT", begun.ticket)


BIA, CAIO = "bia@c.example", "Caio@c.example"


@pytest.fixture
def sent_to_three(begun: SimpleNamespace, account: Any, answer: Any) -> SimpleNamespace:
    cc = [{"name": "", "email": one} for one in (BIA, CAIO)]
    return answer(account, begun.conversation, "ana@c.example", ticket_id=begun.ticket, cc_addresses=cc)


@pytest.fixture
def reported(arrive: Any, sent_to_three: SimpleNamespace) -> Callable[..., None]:
    """A report for each of these recipients, one after the other."""

    def come(*recipients: str) -> None:
        for number, one in enumerate(recipients):
            own = f"bounce-{number}-{new_id()}@".encode()
            arrive(report(sent_to_three.header_id, whom=one).replace(b"bounce@", own), sender="")

    return come


@pytest.fixture
def refused(database: Database, sent_to_three: SimpleNamespace) -> Callable[[], tuple[str, list[str]]]:
    def read() -> tuple[str, list[str]]:
        with database.transaction() as connection:
            row = connection.execute(select(MESSAGES).where(MESSAGES.c.id == sent_to_three.id)).one()
        return row.delivery_state, [one["email"] for one in row.refused]

    return read


def test_a_report_tells_whom_of_several_the_message_did_not_reach(reported: Any, refused: Any, told: Any) -> None:
    reported("rfc822;BIA@c.example", "rfc822; <bia@c.example>")
    assert refused() == ("FAILED", [BIA])
    reported("rfc822; caio@c.example", "rfc822; caio@c.example")
    assert (refused(), len(told())) == (("FAILED", [BIA, CAIO]), 1)


def test_reports_for_several_recipients_in_one_batch_are_all_kept(
    arrive: Any, sent_to_three: Any, refused: Any, told: Any
) -> None:
    first, second = (report(sent_to_three.header_id, whom=f"rfc822; {one}") for one in (BIA, CAIO))
    arrive(first, second.replace(b"bounce@", b"other@"), sender="")
    assert (refused(), len(told())) == (("FAILED", [BIA, CAIO]), 1)


def test_a_forwarded_mail_that_comes_back_is_of_the_recipient_it_was_sent_to(reported: Any, refused: Any) -> None:
    reported("rfc822; other@d.example\r\nOriginal-Recipient: rfc822; caio@c.example")
    assert refused() == ("FAILED", [CAIO])


def test_a_report_that_names_no_recipient_of_ours_may_be_of_any_of_several(reported: Any, refused: Any) -> None:
    reported("rfc822; other@d.example", f"rfc822; {BIA}")
    assert refused() == ("FAILED", [])


def test_a_report_for_one_whom_the_relay_had_refused_is_no_news(
    reported: Any, refused: Any, told: Any, sent_to_three: Any, database: Database
) -> None:
    known = [{"email": BIA, "detail": "550"}]
    with database.transaction() as connection:
        connection.execute(update(MESSAGES).where(MESSAGES.c.id == sent_to_three.id).values(refused=known))
    reported(f"rfc822; {BIA}")
    assert (refused(), told()) == (("SENT", [BIA]), [])
    reported(f"rfc822; {CAIO}")
    assert (refused(), len(told())) == (("FAILED", [BIA, CAIO]), 1)


def test_a_report_for_an_acknowledgement_says_so(arrive: Any, begun: Any, account: Any, answer: Any, told: Any) -> None:
    acknowledgement = answer(account, begun.conversation, ticket_id=begun.ticket, automatic="acknowledgement")
    arrive(report(acknowledgement.header_id), sender="")
    assert [event.automatic for event in told()] == [AUTOMATIC_KIND_ACKNOWLEDGEMENT]


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_other_reports_change_nothing(
    arrive: Any, found: Any, begun: Any, sent: Any, state: Any, told: Any, action: str
) -> None:
    arrive(report(sent.header_id, action=action), to=[sent.address], sender="")
    assert found()["bounce@mx"].conversation_id == begun.conversation
    assert (state()[0], told()) == ("SENT", [])


def test_two_reports_let_it_fail_once_with_the_first_ones_words(arrive: Any, sent: Any, state: Any, told: Any) -> None:
    second = (
        report(sent.header_id).replace(b"550 5.1.1 User unknown", b"552 Mailbox full").replace(b"bounce@", b"other@")
    )
    arrive(report(sent.header_id), second, sender="")
    arrive(second.replace(b"other@", b"third@"), sender="")
    assert (state(), len(told())) == (REFUSED, 1)


def test_a_message_that_waits_to_be_sent_again_is_left_to_its_next_attempt(
    arrive: Any, sent: Any, state: Any, told: Any, database: Database
) -> None:
    with database.transaction() as connection:
        connection.execute(update(MESSAGES).where(MESSAGES.c.id == sent.id).values(delivery_state="QUEUED"))
    arrive(report(sent.header_id), sender="")
    assert (state()[0], told()) == ("QUEUED", [])


def test_a_forged_bounce_changes_nothing(
    arrive: Any, found: Any, begun: Any, sent: Any, state: Any, told: Any, foreign_account: Any
) -> None:
    forged = signing.token(b"another secret", sent.id)
    arrive(report(signing.header_id(forged, "demo.guiche")), to=[sent.address.replace(sent.token, forged)], sender="")
    arrive(report("m1@c").replace(b"bounce@", b"a@"), sender="")
    arrive(report(signing.header_id(signing.token(SECRET, new_id()), "x")).replace(b"bounce@", b"b@"), sender="")
    arrive(report(sent.header_id).replace(b"bounce@", b"c@"), to=[foreign_account], sender="")
    assert (state()[0], told()) == ("SENT", [])
    assert begun.conversation not in {row.conversation_id for own, row in found().items() if own.endswith("@mx")}


@pytest.mark.parametrize(
    ("headers", "sender", "automatic"),
    [
        ("Auto-Submitted: auto-replied\r\n", "", "auto-submitted"),
        ("Auto-Submitted: auto-generated (vacation)\r\n", "ana@example.com", "auto-submitted"),
        ("X-Autoreply: yes\r\n", "ana@example.com", "auto-submitted"),
        ("Precedence: auto_reply\r\n", "ana@example.com", "auto-submitted"),
        ("Precedence: bulk\r\n", "", "auto-submitted"),
    ],
)
def test_a_holiday_answer_joins_takes_the_ticket_and_lets_nothing_fail(
    arrive: Any, found: Any, begun: Any, sent: Any, state: Any, told: Any, headers: str, sender: str, automatic: str
) -> None:
    arrive(old(headers), to=[sent.address], sender=sender)
    message = found()["bounce@mx"]
    assert (message.automatic, message.conversation_id, message.ticket_id) == (
        automatic,
        begun.conversation,
        begun.ticket,
    )
    assert (state()[0], told()) == ("SENT", [])


@pytest.mark.parametrize("other", [False, True], ids=["same mailbox", "another mailbox"])
def test_a_message_of_ours_that_comes_back_is_no_word_of_the_customers(
    arrive: Any, found: Any, sent: Any, state: Any, other_account: Any, received: Any, other: bool
) -> None:
    arrive(letter(sent.header_id.upper(), in_reply_to=["m1@c"]), to=[other_account] if other else ())
    arrive(letter("n@c"))
    assert found()[sent.header_id.upper()].automatic == "auto-submitted"
    assert [event.automatic for event in received()[-2:]] == ["auto-submitted", ""]
    assert state()[0] == "SENT"


def test_a_message_id_like_ours_that_is_forged_or_of_another_organization_says_nothing(
    arrive: Any, found: Any, sent: Any, foreign_account: Any
) -> None:
    forged = signing.header_id(signing.token(b"another secret", sent.id), "demo.guiche")
    arrive(letter(forged))
    arrive(letter(sent.header_id.upper()), to=[foreign_account])
    assert [found()[one].automatic for one in (forged, sent.header_id.upper())] == ["", ""]


def ticket_opened(database: Database, found: Any, own: str, ticket_id: UUID) -> None:
    row = found()[own]
    with database.transaction() as connection:
        ticket = Ticket(ticket_id, 1, new_id(), row.conversation_id, PROTOCOL, row.id)
        directory.give_message(connection, row.id, ticket)


def holiday(own: str, *answers: str) -> bytes:
    return letter(own, in_reply_to=answers, headers="Auto-Submitted: auto-replied")


@pytest.mark.parametrize("together", [True, False])
def test_machine_mail_gets_its_ticket_with_the_message_it_joined_and_not_another(
    arrive: Any, found: Any, database: Database, together: bool
) -> None:
    mails = [letter("a@c"), holiday("b@c", "a@c"), holiday("c@c", "b@c"), letter("d@c", in_reply_to=["a@c"])]
    mails.append(holiday("e@c", "d@c"))
    for batch in [mails] if together else [[one] for one in mails]:
        arrive(*batch)
    first, second = new_id(), new_id()
    ticket_opened(database, found, "d@c", second)
    ticket_opened(database, found, "a@c", first)
    assert [found()[f"{one}@c"].ticket_id for one in "abcde"] == [first, first, first, second, second]
    arrive(holiday("f@c", "c@c"))
    assert found()["f@c"].ticket_id == first


def test_a_ticket_that_opens_while_machine_mail_is_ingested_gets_it_too(
    accept: Any, arrive: Any, ingest: Ingest, found: Any, database: Database
) -> None:
    arrive(letter("a@c"))
    accept(holiday("b@c", "a@c"))
    row, ticket_id = found()["a@c"], new_id()
    with database.transaction() as connection:
        directory.give_message(
            connection, row.id, Ticket(ticket_id, 1, new_id(), row.conversation_id, PROTOCOL, row.id)
        )
        worker = threading.Thread(target=ingest_due, args=(ingest,))
        worker.start()
        eventually(lambda: waits_for_a_lock(database))
    worker.join(30)
    assert found()["b@c"].ticket_id == ticket_id


def waits_for_a_lock(database: Database) -> bool:
    with database.transaction() as connection:
        mine = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(connection.scalar(mine))


def test_a_machine_becomes_no_participant(arrive: Any, found: Any, begun: Any, sent: Any) -> None:
    arrive(old("Auto-Submitted: auto-replied\r\n"), to=[sent.address])
    arrive(f"From: <mailer-daemon@mx.example>\r\nSubject: {PROTOCOL}\r\nMessage-ID: <later@mx>\r\n\r\nOi\r\n".encode())
    assert found()["later@mx"].joined_by == ""


def test_what_a_person_writes_takes_its_ticket_from_the_ticket_service_alone(
    arrive: Any, found: Any, begun: Any, sent: Any, database: Database, account: Any
) -> None:
    arrive(b"From: <ana@example.com>\r\nMessage-ID: <n@c>\r\n\r\nObrigada\r\n", to=[sent.address])
    assert (found()["n@c"].conversation_id, found()["n@c"].ticket_id) == (begun.conversation, None)
    with database.transaction() as connection:
        payload = connection.scalar(select(OUTBOX.c.payload).order_by(OUTBOX.c.position.desc()).limit(1))
    event = MessageReceived.FromString(payload)
    assert (event.conversation_id, event.account_id) == (str(begun.conversation), str(account.id))
