"""The first answer of a machine: to people only, once per ticket, and such that no other machine answers it."""

from email.utils import parsedate_to_datetime
from uuid import uuid4

import pytest
from guiche.routing.v1.directory_events_pb2 import DepartmentChanged
from guiche.ticket.v1.ticket_events_pb2 import TicketRestated
from mail_support import add_account
from outgoing_support import PROTOCOL, Opened, ticket_of, told
from sqlalchemy import select

from mail import signing
from mail.domain import base_address
from mail.storage.tables import DELIVERIES, HEADER_IDS, MESSAGES, PARTICIPANTS, TICKETS


@pytest.fixture
def queued(rows):
    return lambda: len(rows(DELIVERIES))


def test_every_header_of_an_acknowledgement_is_such_that_people_read_it_and_machines_leave_it_alone(
    arrived, account, tell, send, customer, secret, rows
):
    opening = arrived(7, headers=b"References: <a@example.com>\r\n <b@example.com>\r\nIn-Reply-To: <b@example.com>\r\n")
    tell(ticket_of(opening, account).opened)
    assert send() == 1
    [envelope], [mail] = customer.got, customer.mails
    [row] = [row for row in rows(MESSAGES) if row.direction == "OUT"]
    token = signing.token(secret, row.id)
    # The null sender: whatever cannot deliver it, does not tell anybody.
    assert (envelope.mail_from, envelope.rcpt_tos) == ("<>", ["ana@example.com"])
    assert mail["From"] == "Atendimento <atendimento@demo.guiche>"
    assert mail["To"] == "Ana Conceição <ana@example.com>"
    assert mail["Reply-To"] == f"atendimento+{token}@demo.guiche"
    assert base_address(mail["Reply-To"]) == account.address
    assert mail["Subject"] == f"Re: Pedido não chegou [Protocolo {PROTOCOL}]"
    assert mail["Message-ID"] == f"<g.{token}@demo.guiche>"
    assert mail["In-Reply-To"] == "<7@example.com>"
    assert mail["References"].split() == ["<a@example.com>", "<b@example.com>", "<7@example.com>"]
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Precedence"] is None
    assert mail["MIME-Version"] == "1.0"
    assert abs((parsedate_to_datetime(mail["Date"]) - row.delivery_at).total_seconds()) < 60
    assert set(mail.keys()) == {
        "Date", "From", "Reply-To", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
        "X-Auto-Response-Suppress", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    for part in mail.iter_parts():
        assert part.get_content_charset() == "utf-8"
        assert PROTOCOL in part.get_content()
        assert "Recebemos a sua mensagem e já abrimos" in part.get_content()
    assert signing.message_of(secret, signing.token_in_address(mail["Reply-To"])) == row.id
    assert signing.message_of(secret, signing.token_in_header_id(mail["Message-ID"].strip("<>"))) == row.id


def test_a_ticket_told_anew_is_known_with_its_message_and_not_acknowledged(
    arrived, account, tell, rows, queued, database
):
    ticket = ticket_of(arrived(), account)
    tell(TicketRestated(ticket=ticket.state(), message_id=str(ticket.message_id)))
    assert [(row.id, row.opening_message_id) for row in rows(TICKETS)] == [(ticket.id, ticket.message_id)]
    assert [row.ticket_id for row in rows(MESSAGES)] == [ticket.id]
    assert (queued(), told(database)) == (0, [])


def test_it_stands_in_the_conversation_and_is_told_of_once_it_is_sent(
    arrived, account, tell, send, rows, database, api
):
    ticket = ticket_of(arrived(), account)
    tell(ticket.opened)
    send()
    assert told(database) == ["SENT"]
    opening, acknowledgement = api.list(ticket).messages
    assert not opening.HasField("delivery")
    assert acknowledgement.automatic == 5
    assert acknowledgement.delivery.state == 3
    assert not acknowledgement.HasField("author")
    assert [row.own for row in rows(HEADER_IDS)] == [True]
    assert [row.email for row in rows(PARTICIPANTS)] == ["ana@example.com"]


def test_a_department_says_it_in_its_own_words(arrived, account, tell, send, customer):
    ticket = ticket_of(arrived(), account)
    for version, words in ((2, "Obrigado por <b>escrever</b>.\n\nAté já!"), (1, "veraltet")):
        tell(
            DepartmentChanged(
                id=str(ticket.department_id),
                version=version,
                organization_id=str(account.organization_id),
                acknowledgement=words,
            )
        )
    tell(ticket.opened)
    send()
    plain, html = customer.mails[0].iter_parts()
    assert plain.get_content().startswith(f"Obrigado por <b>escrever</b>.\n\nAté já!\n\nProtocolo: {PROTOCOL}\n")
    # Beside the text, since clients drop what <head> and <body> say of style.
    assert "<body><div style=\"font-family:'Segoe UI',Roboto,Helvetica,Arial,sans-serif;" in html.get_content()
    assert "<p>Obrigado por &lt;b&gt;escrever&lt;/b&gt;.</p><p>Até já!</p>" in html.get_content()


def test_a_ticket_announced_twice_is_acknowledged_once(arrived, account, tell, queued):
    ticket = ticket_of(arrived(), account)
    tell(ticket.opened)
    tell(ticket.opened)
    assert queued() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"automatic": "auto-submitted"},
        {"automatic": "bounce"},
        {"automatic": "list"},
        {"automatic": "bulk"},
        {"sender_email": ""},
        {"sender_email": "não.ascii@example.com"},
        {"sender": "mailer-daemon@example.com"},
        {"sender": "owner-lista@example.com"},
        {"reply_to_email": "lista-request@example.com"},
        *[
            {"sender_email": f"{name}@example.com"}
            for name in (
                "noreply", "no-reply", "No_Reply", "nao-responda", "naoresponda", "nao.responda", "donotreply",
                "do-not-reply", "MAILER-DAEMON", "postmaster", "pedidos-noreply", "noreply+123", "bounces",
            )
        ],
    ],
    ids=str,
)  # fmt: skip
def test_machines_lists_and_nobody_are_not_answered(arrived, account, tell, queued, changes):
    tell(ticket_of(arrived(**changes), account).opened)
    assert queued() == 0


@pytest.mark.parametrize("name", ["ana", "renato.replyana", "mariano-resp", "bouncer", "donato"])
def test_people_whose_names_merely_resemble_machines_are_answered(arrived, account, tell, queued, name):
    tell(ticket_of(arrived(sender_email=f"{name}@example.com"), account).opened)
    assert queued() == 1


def test_accounts_of_whichever_organization_here_do_not_answer_each_other(arrived, account, tell, queued, database):
    add_account(database, uuid4(), "sac@outra.guiche")
    for number, address in enumerate(["sac@outra.guiche", "SAC+abc@outra.guiche", account.address]):
        tell(ticket_of(arrived(number, sender_email=address), account).opened)
    assert queued() == 0


def test_an_address_is_answered_a_few_times_an_hour_only(arrived, account, tell, queued):
    for number in range(4):
        tell(ticket_of(arrived(number), account).opened, 2)
    tell(ticket_of(arrived(9, sender_email="bia@example.com"), account).opened, 2)
    assert queued() == 3


def test_what_stands_after_a_plus_makes_no_new_address(arrived, account, tell, queued):
    for number in range(4):
        tell(ticket_of(arrived(number, sender_email=f"Ana+{number}@example.com"), account).opened, 2)
    assert queued() == 2


def test_an_organization_answers_so_many_a_minute_whoever_they_are(arrived, account, tell, queued):
    for number in range(5):
        tell(ticket_of(arrived(number, sender_email=f"ana{number}@example.com"), account).opened, most_a_minute=3)
    assert queued() == 3


def test_it_goes_where_its_writer_wants_answers(arrived, account, tell, send, customer):
    tell(ticket_of(arrived(reply_to_email="ana.casa@example.com"), account).opened)
    send()
    assert customer.got[0].rcpt_tos == ["ana.casa@example.com"]
    assert customer.mails[0]["To"] == "ana.casa@example.com"


def test_it_goes_nowhere_else_for_a_mail_that_only_knew_a_protocol(arrived, account, tell, send, customer):
    forged = arrived(reply_to_email="eva@evil.example", joined_by="PROTOCOL")
    tell(ticket_of(forged, account).opened)
    send()
    assert customer.got[0].rcpt_tos == ["ana@example.com"]


def test_an_opening_message_of_another_conversation_is_neither_answered_nor_given_away(
    arrived, account, tell, queued, rows
):
    message = arrived()
    tell(Opened(uuid4(), account.organization_id, uuid4(), message.id).opened)
    assert queued() == 0
    assert [row.ticket_id for row in rows(MESSAGES)] == [None]


def test_the_messages_of_a_ticket_are_those_it_names(arrived, account, tell, database):
    first = arrived()
    second = arrived(2, conversation=first.conversation_id)
    ticket = ticket_of(first, account)
    tell(ticket.opened)
    tell(ticket.appended(second.id))
    later = ticket_of(second, account)
    tell(later.appended(second.id))
    with database.transaction() as connection:
        found = connection.execute(select(MESSAGES.c.id, MESSAGES.c.ticket_id).where(MESSAGES.c.direction == "IN"))
        assert {row.id: row.ticket_id for row in found} == {first.id: ticket.id, second.id: ticket.id}
