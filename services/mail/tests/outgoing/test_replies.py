"""Replies: what may be chosen, what is refused, and the draft that leaves when the ticket service says so."""

from email.utils import getaddresses
from itertools import count
from uuid import UUID, uuid4

import pytest
from guiche.mail.v1.message_pb2 import MESSAGE_DIRECTION_OUT, DeliveryState
from guiche.routing.v1.directory_events_pb2 import AttendantChanged, LevelChanged, OrganizationChanged
from mail_support import add_account
from outgoing_support import PROTOCOL, ticket_of, told
from sqlalchemy import text

from mail.handlers.deliveries import DraftNotFound
from mail.storage import uploads
from mail.storage.tables import ATTACHMENTS, DELIVERIES, MESSAGES, PARTICIPANTS, UPLOADS
from servicekit.errors import Failure
from servicekit.rpc.caller import Attendant


def refusal(call, *arguments, **named) -> tuple[str, list[str]]:
    with pytest.raises(Failure) as caught:
        call(*arguments, **named)
    return f"{caught.value.code.name} {caught.value.reason}", [one.field for one in caught.value.violations]


def test_a_reply_is_a_draft_that_nobody_sees_until_it_is_released_and_then_leaves_once(
    api, ticket, tell, send, customer, state_of, database, who
):
    tell(AttendantChanged(id=who.id, version=1, organization_id=who.organization_id, name="Bruna"))
    message_id = api.prepare(ticket, text="Já verifiquei.", html="<p>Já <b>verifiquei</b>.</p><script>x</script>")
    assert state_of(message_id) == "DRAFT"
    assert len(api.list(ticket).messages) == 1
    assert send() == 0
    tell(ticket.released(message_id))
    tell(ticket.released(message_id))
    assert send() == 1
    assert (len(customer.got), state_of(message_id), told(database)) == (1, "SENT", ["QUEUED", "SENT"])
    _, reply = api.list(ticket).messages
    assert (reply.id, reply.direction) == (str(message_id), MESSAGE_DIRECTION_OUT)
    assert (reply.author.id, reply.author.name) == (who.id, "Bruna")
    assert (reply.text, reply.html, reply.new_text) == ("Já verifiquei.", "<p>Já <b>verifiquei</b>.</p>", reply.text)
    assert reply.delivery.state == DeliveryState.DELIVERY_STATE_SENT
    assert reply.delivery.at.seconds >= reply.received_at.seconds


def test_a_reply_answers_the_newest_mail_and_quotes_it_below(api, ticket, arrived, tell, send, customer, account):
    tell(OrganizationChanged(id=str(account.organization_id), version=1, name="Demo", time_zone="America/Manaus"))
    newest = arrived(
        8, headers=b"References: <1@example.com>\r\n", conversation=ticket.conversation_id, html="<p>Bom <i>dia</i></p>"
    )
    arrived(9, conversation=ticket.conversation_id, automatic="auto-submitted")
    tell(ticket.appended(newest.id))
    message_id = api.prepare(ticket, text="Já verifiquei.", html="<p>Já verifiquei.</p>")
    tell(ticket.released(message_id))
    send()
    [mail], [envelope] = customer.mails, customer.got
    assert mail["In-Reply-To"] == "<8@example.com>"
    assert mail["References"].split() == ["<1@example.com>", "<8@example.com>"]
    assert mail["Subject"] == f"Re: Pedido não chegou [Protocolo {PROTOCOL}]"
    assert mail["Auto-Submitted"] is None
    # Reports of failed delivery and answers come back to the signed address.
    assert envelope.mail_from == mail["Reply-To"] != account.address
    plain, html = mail.iter_parts()
    assert plain.get_content() == (
        "Já verifiquei.\n\nEm 21/11/2026 às 13:03, Ana Conceição escreveu:\n\n> Bom dia\n>> antes\n"
    )
    assert "<p>Já verifiquei.</p>" in html.get_content()
    assert "Em 21/11/2026 às 13:03, Ana Conceição escreveu:" in html.get_content()
    assert "<p>Bom <i>dia</i></p></blockquote>" in html.get_content()


def test_only_text_is_sent_as_text_alone_and_only_html_gets_its_text(api, ticket, replied, send, customer):
    replied(ticket, text="Só texto")
    replied(ticket, text="", html="<p>Um</p><p>Dois</p>")
    send()
    first, second = sorted(customer.mails, key=lambda mail: mail.is_multipart())
    assert first.get_content_type() == "text/plain"
    assert second.get_body(("plain",)).get_content().startswith("Um\n\nDois\n")


def test_a_reply_with_files_arrives_with_them_and_shows_them(api, ticket, replied, send, customer, rows):
    pdf = api.upload(ticket, b"%PDF-", b"1" * 70_000, name="Nota «ção» 1.pdf")
    eml = api.upload(ticket, b"From: a\r\n\r\n", name="ant.eml", kind="message/rfc822")
    assert (pdf.file_name, pdf.content_type, pdf.size) == ("Nota «ção» 1.pdf", "application/pdf", 70_005)
    replied(ticket, attachment_ids=[eml.id, pdf.id])
    send()
    _, second, third = customer.mails[0].iter_parts()
    assert (second.get_filename(), second.get_content_type()) == ("ant.eml", "application/octet-stream")
    assert (third.get_filename(), third.get_content_type()) == ("Nota «ção» 1.pdf", "application/pdf")
    assert third.get_content() == b"%PDF-" + b"1" * 70_000
    shown = api.list(ticket).messages[1].attachments
    assert [one.file_name for one in shown] == ["ant.eml", "Nota «ção» 1.pdf"]
    assert api.download(ticket, shown[1].id) == b"%PDF-" + b"1" * 70_000


def test_the_box_offers_the_receiving_account_first_then_the_levels_and_answers_everybody_but_us(
    api, ticket, arrived, account, database, tell, organization
):
    second, foreign = add_account(database, organization, "a@demo.guiche"), add_account(database, uuid4(), "x@x.guiche")
    level = str(uuid4())
    tell(
        LevelChanged(
            id=level,
            version=1,
            organization_id=str(organization),
            account_ids=[str(second.id), str(foreign.id), str(account.id)],
        )
    )
    arrived(
        5,
        conversation=ticket.conversation_id,
        reply_to_email="ana.casa@example.com",
        to_addresses=[{"name": "", "email": account.address}, {"name": "Bia", "email": "bia@example.com"}],
        cc_addresses=[{"name": "", "email": "A+1@demo.guiche"}, {"name": "", "email": "BIA@example.com"}],
    )
    offered = api.options(ticket, claims={"level": level}).reply_options
    assert [one.id for one in offered.accounts] == [str(account.id), str(second.id)]
    assert [(one.name, one.email) for one in offered.to] == [("", "ana.casa@example.com")]
    assert [(one.name, one.email) for one in offered.cc] == [("Bia", "bia@example.com")]
    assert offered.subject == f"Re: Pedido não chegou [Protocolo {PROTOCOL}]"
    assert offered.max_attachment_bytes == 20 * 1024 * 1024
    assert [one.id for one in api.options(ticket).reply_options.accounts] == [str(account.id)]


@pytest.mark.parametrize(
    ("rule", "to"),
    [
        ("PROTOCOL", ("Ana Conceição", "ana@example.com")),
        ("MESSAGE_ID", ("Ana Conceição", "ana@example.com")),
        ("REFERENCES", ("Ana Conceição", "ana@example.com")),
        ("REPLY_ADDRESS", ("", "eva@evil.example")),
        ("SIGNED_MESSAGE_ID", ("", "eva@evil.example")),
    ],
)
def test_who_writes_in_anothers_name_gets_no_answers_by_asking_for_them(
    api, ticket, arrived, replied, send, customer, database, rule, to
):
    arrived(5, conversation=ticket.conversation_id, reply_to_email="eva@evil.example", joined_by=rule)
    offered = api.options(ticket).reply_options
    assert [(one.name, one.email) for one in offered.to] == [to]
    # Once an attendant has written there, it takes part.
    replied(ticket, to=["Eva@Evil.example"])
    assert [(one.name, one.email) for one in api.options(ticket).reply_options.to] == [("", "eva@evil.example")]


def test_blind_copies_get_the_mail_and_stand_in_no_header(api, ticket, replied, send, customer, rows):
    replied(ticket, to=["Ana@example.com"], cc=["bia@example.com", "ana@EXAMPLE.com"], bcc=["chefe@example.com"])
    send()
    [mail], [envelope] = customer.mails, customer.got
    assert sorted(envelope.rcpt_tos) == ["Ana@example.com", "bia@example.com", "chefe@example.com"]
    assert getaddresses([mail["To"], mail["Cc"]]) == [
        ("Ana Conceição", "Ana@example.com"),
        ("", "bia@example.com"),
    ]
    assert b"chefe" not in envelope.content
    assert sorted(row.email for row in rows(PARTICIPANTS)) == ["ana@example.com", "bia@example.com"]
    assert [one.email for one in api.list(ticket).messages[1].bcc] == ["chefe@example.com"]


def test_an_account_of_the_level_answers_with_its_own_address(
    api, ticket, database, tell, organization, send, customer
):
    second, level = add_account(database, organization, "n2@demo.guiche"), str(uuid4())
    stranger = add_account(database, organization, "n3@demo.guiche")
    tell(LevelChanged(id=level, version=1, organization_id=str(organization), account_ids=[str(second.id)]))
    assert refusal(api.prepare, ticket, account_id=str(second.id)) == (
        "PERMISSION_DENIED ACCOUNT_NOT_ALLOWED",
        ["account_id"],
    )
    prepare = api.prepare_with({"level": level})
    assert refusal(prepare, ticket, account_id=str(stranger.id))[0] == "PERMISSION_DENIED ACCOUNT_NOT_ALLOWED"
    tell(ticket.released(prepare(ticket, account_id=str(second.id))))
    send()
    assert customer.mails[0]["From"] == "Atendimento <n2@demo.guiche>"
    assert customer.mails[0]["Reply-To"].startswith("n2+")


@pytest.mark.parametrize(
    "address",
    [
        "", "ana", "ana@", "@example.com", "ana@localhost", "ana@@example.com", "ana b@example.com", "ana@exa mple.com",
        "ana@example.com\r\nBcc: x@y.com", "ana@example.com\n", "a" * 65 + "@example.com", "ação@example.com",
        "<ana@example.com>", "Ana <ana@example.com>", "ana@example..com", "ana.@example.com", "ana@[127.0.0.1]",
        "ana@example.com,bia@example.com", "ana@-example.com", "ana@" + "a" * 64 + ".com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_by_the_name_of_its_field(api, ticket, address):
    if address == "ana@example.com\n":
        # White space around an address is nobody's intention.
        assert api.prepare(ticket, to=[address])
        return
    for field in ("to", "cc", "bcc"):
        given = {field: ["bia@example.com", address]}
        assert refusal(api.prepare, ticket, **given) == ("INVALID_ARGUMENT RECIPIENT_INVALID", [f"{field}[1]"])


def test_a_reply_goes_to_no_more_people_than_every_server_takes(api, ticket, replied, send, customer, state_of):
    people = [f"pessoa{n}@example.com" for n in range(101)]
    given = {"to": people[:10], "cc": people[10:60], "bcc": people[60:]}
    refused = refusal(api.prepare, ticket, **given)
    assert refused == ("INVALID_ARGUMENT TOO_MANY_RECIPIENTS", ["cc"])
    # One of them twice is one.
    message_id = replied(ticket, **{**given, "bcc": [*people[60:100], people[0].upper()]})
    customer.rcpt = lambda _: "452 4.5.3 too many" if next(asked) >= 100 else None
    asked = count()
    send()
    assert (state_of(message_id), customer.got[0].rcpt_tos) == ("SENT", people[:100])


def test_addresses_of_our_own_are_refused_and_those_of_others_here_are_not_told_of(api, ticket, account, database):
    assert refusal(api.prepare, ticket, to=["Atendimento+x@demo.guiche"]) == (
        "INVALID_ARGUMENT RECIPIENT_INVALID",
        ["to[0]"],
    )
    add_account(database, uuid4(), "sac@outra.guiche")
    assert api.prepare(ticket, to=["sac@outra.guiche"])


def test_a_domain_beyond_ascii_is_written_as_the_network_has_it(api, ticket, replied, send, customer):
    replied(ticket, to=["ana@Ação.com.br"])
    send()
    assert customer.got[0].rcpt_tos == ["ana@xn--ao-siap.com.br"]


def test_where_nobody_can_be_answered_somebody_must_be_named(api, arrived, account, tell):
    ticket = ticket_of(arrived(sender_email=""), account)
    tell(ticket.opened)
    assert list(api.options(ticket).reply_options.to) == []
    assert refusal(api.prepare, ticket) == ("FAILED_PRECONDITION NO_RECIPIENT", ["to"])
    assert api.prepare(ticket, to=["ana@example.com"])


def test_nothing_is_no_reply_but_a_file_alone_is_one(api, ticket):
    assert refusal(api.prepare, ticket, text=" \n") == ("INVALID_ARGUMENT MESSAGE_EMPTY", ["text"])
    assert refusal(api.prepare, ticket, text="", html="<p> </p>") == ("INVALID_ARGUMENT MESSAGE_EMPTY", ["text"])
    assert api.prepare(ticket, text="", attachment_ids=[api.upload(ticket, b"x").id])


def test_the_same_request_is_the_same_draft_and_another_under_its_name_is_refused(api, ticket, rows, tell, send):
    request_id = str(uuid4())
    first = api.prepare(ticket, request_id=request_id)
    assert api.prepare(ticket, request_id=request_id) == first
    assert refusal(api.prepare, ticket, request_id=request_id, text="outra")[0] == "INVALID_ARGUMENT REQUEST_ID_REUSED"
    tell(ticket.released(first))
    send()
    assert api.prepare(ticket, request_id=request_id) == first
    assert [row.id for row in rows(MESSAGES) if row.direction == "OUT"] == [first]


def test_files_serve_who_uploaded_them_on_this_ticket_until_a_reply_with_them_has_left(
    api, ticket, arrived, account, tell, database, who
):
    file = api.upload(ticket, b"x")
    nowhere = str(uuid4())
    other = Attendant(str(uuid4()), who.organization_id)
    theirs = api.upload(ticket, b"x", attendant=other)
    elsewhere = ticket_of(arrived(2), account)
    assert refusal(api.prepare, ticket, attachment_ids=[file.id, nowhere, theirs.id]) == (
        "NOT_FOUND ATTACHMENT_NOT_FOUND",
        ["attachment_ids[1]", "attachment_ids[2]"],
    )
    assert refusal(api.prepare, elsewhere, attachment_ids=[file.id])[0] == "NOT_FOUND ATTACHMENT_NOT_FOUND"
    # Refused by the ticket service and written anew: the file is still there.
    api.prepare(ticket, attachment_ids=[file.id])
    tell(ticket.released(api.prepare(ticket, attachment_ids=[file.id])))
    assert refusal(api.prepare, ticket, attachment_ids=[file.id])[0] == "NOT_FOUND ATTACHMENT_NOT_FOUND"


def test_a_file_that_was_not_used_within_a_day_is_gone(api, ticket, database, rows):
    old, new = api.upload(ticket, b"x"), api.upload(ticket, b"y")
    with database.transaction() as connection:
        late = text("UPDATE uploads SET created_at = now() - interval '25 hours' WHERE id = :id")
        connection.execute(late, {"id": old.id})
    assert refusal(api.prepare, ticket, attachment_ids=[old.id])[0] == "NOT_FOUND ATTACHMENT_NOT_FOUND"
    with database.transaction() as connection:
        uploads.forget(connection)
    assert [row.id for row in rows(UPLOADS)] == [UUID(new.id)]


def test_drafts_that_were_never_released_are_forgotten_after_thirty_days_and_others_are_not(
    api, ticket, database, rows, replied, tell
):
    kept, late, sent = api.prepare(ticket), api.prepare(ticket), replied(ticket)
    forgotten = api.prepare(ticket, attachment_ids=[api.upload(ticket, b"x").id])
    with database.transaction() as connection:
        aged = text("UPDATE messages SET received_at = now() - make_interval(days => :days) WHERE id = ANY(:ids)")
        connection.execute(aged, {"ids": [forgotten, sent], "days": 31})
        connection.execute(aged, {"ids": [late], "days": 29})
        uploads.forget(connection)
    assert {row.id for row in rows(MESSAGES) if row.direction == "OUT"} == {kept, late, sent}
    tell(ticket.released(late))
    assert rows(ATTACHMENTS) == []


def test_what_is_too_large_is_refused_as_a_file_and_as_a_whole(api, ticket):
    megabyte = b"x" * 1024 * 1024
    assert refusal(api.upload, ticket, *[megabyte] * 20, b"x") == ("INVALID_ARGUMENT ATTACHMENT_TOO_LARGE", [])
    one, two = api.upload(ticket, *[megabyte] * 11), api.upload(ticket, *[megabyte] * 10)
    assert refusal(api.prepare, ticket, attachment_ids=[one.id, two.id]) == (
        "INVALID_ARGUMENT MESSAGE_TOO_LARGE",
        ["attachment_ids"],
    )


def test_a_released_reply_that_nobody_prepared_for_this_ticket_is_not_passed_over(
    api, ticket, arrived, account, tell, rows
):
    other = ticket_of(arrived(3), account)
    tell(other.opened)
    for message_id in (uuid4(), api.prepare(ticket)):
        with pytest.raises(DraftNotFound):
            tell(other.released(message_id))
    assert [row.kind for row in rows(DELIVERIES)] == ["ACKNOWLEDGEMENT"]


def test_messages_of_the_conversation_are_shown_to_the_ticket_they_belong_to(api, ticket, arrived, account, tell):
    waiting = arrived(2, conversation=ticket.conversation_id)
    following = ticket_of(waiting, account)
    assert len(api.list(ticket).messages) == 2
    assert len(api.list(ticket, claims={"live": False}).messages) == 1
    tell(following.opened)
    assert [m.id for m in api.list(ticket).messages] == [str(ticket.message_id)]
    assert {m.id for m in api.list(following).messages if not m.HasField("delivery")} == {str(waiting.id)}
