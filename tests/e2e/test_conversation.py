"""From a customer's mail to a concluded ticket, by e-mail both ways, with a real SMTP server as the customer's side."""

import re
from email.utils import parseaddr
from typing import Any
from uuid import uuid4

import pytest
from conversing import all_of, answered_by_mail, becomes, done, messages, opened, read, somebody
from correspondent import Correspondent
from e2e_support import System, about, arrives, letter

from servicekit.testing import eventually

# How a program can answer: what of the marks of the mail it answers it keeps, and by which rule that joins.
ANSWERS = {
    "REPLY_ADDRESS": {"In_Reply_To": None, "References": None},
    "SIGNED_MESSAGE_ID": {"to": "atendimento@demo.guiche"},
}


def test_the_acknowledgement_carries_the_protocol_and_every_mark_of_an_automatic_mail(
    system: System, customers_server: Correspondent
) -> None:
    customer, subject = somebody(), f"Geladeira {uuid4().hex[:8]}"
    mail = letter(subject, sender=f"Maria <{customer}>")
    with system.client("ana") as ana:
        system.send(mail, sender=customer)
        ticket = arrives(ana, subject)
    received = customers_server.acknowledgement(customer)
    assert received.sender == "", "the null sender: what cannot be delivered comes back to nobody"
    assert received.recipients == [customer]
    sent = received.mail
    assert ticket["protocol"] in received.text
    assert ticket["protocol"] in sent["Subject"]
    assert parseaddr(sent["From"])[1] == "atendimento@demo.guiche"
    assert parseaddr(sent["To"])[1] == customer
    assert re.fullmatch(r"atendimento\+[a-z0-9.]+@demo\.guiche", parseaddr(sent["Reply-To"])[1])
    assert sent["Auto-Submitted"] == "auto-replied"
    assert sent["X-Auto-Response-Suppress"] == "All"
    assert sent["In-Reply-To"] == mail["Message-ID"]
    assert mail["Message-ID"] in sent["References"]
    assert re.fullmatch(r"<g\.[a-z0-9]+@demo\.guiche>", sent["Message-ID"])
    assert sent["Date"] is not None


@pytest.mark.parametrize(
    "marks",
    [
        {"Auto-Submitted": "auto-replied"},
        {"List-Id": "<lista.exemplo.com>"},
        {"Precedence": "bulk"},
        {"From": "Sistema <no-reply@exemplo.com>"},
        {"From": "Nós <financeiro@demo.guiche>"},
    ],
    ids=["automatic", "list", "bulk", "no-reply", "our own"],
)
def test_machines_lists_and_ourselves_get_no_acknowledgement(
    system: System, customers_server: Correspondent, marks: dict[str, str]
) -> None:
    customer = somebody()
    mail = letter(f"Automático {uuid4().hex[:8]}", sender=f"Cliente <{customer}>")
    for name, value in marks.items():
        del mail[name]
        mail[name] = value
    system.send(mail, sender=customer)
    later, subject = somebody(), f"Depois {uuid4().hex[:8]}"
    with system.client("ana") as ana:
        opened(system, ana, later, subject)
    customers_server.acknowledgement(later)
    unwanted = [customer, parseaddr(mail["From"])[1]]
    assert not [one for address in unwanted for one in customers_server.mails_to(address)]


def test_the_whole_conversation(system: System, customers_server: Correspondent) -> None:
    customer = somebody()
    with system.client("ana") as ana, system.client("bruno") as bruno:
        ticket = opened(system, ana, customer)
        customers_server.acknowledgement(customer)
        done(ana, ticket, "start")
        assert ticket["id"] not in {row["id"] for row in about(bruno, ticket["subject"])}

        upload = ana.post(
            f"/tickets/{ticket['id']}/attachments",
            content=b"%PDF-1.4 segunda via",
            headers={"Content-Type": "application/pdf", "X-File-Name": "segunda%20via%20%C3%A7.pdf"},
        )
        assert upload.status_code == 200, upload.text
        replied = done(
            ana,
            ticket,
            "reply",
            text="Segue a segunda via.",
            html="<p>Segue a <b>segunda via</b>.</p><script>x</script>",
            attachmentIds=[upload.json()["id"]],
            thenStatus="PENDING",
            awaiting={"mode": "RELEASE"},
        )
        assert (replied["status"], replied["released"]) == ("PENDING", True)
        assert replied["awaiting"]["customer"] is True

        received = customers_server.reply(customer)
        assert "Segue a segunda via." in received.text
        html = received.mail.get_body(("html",)).get_content()
        assert "<b>segunda via</b>" in html
        assert "<script" not in html
        (attached,) = list(received.mail.iter_attachments())
        assert (attached.get_filename(), attached.get_content()) == ("segunda via ç.pdf", b"%PDF-1.4 segunda via")
        assert received.mail["Auto-Submitted"] is None
        eventually(lambda: messages(ana, ticket)[-1]["delivery"]["state"] == "SENT", seconds=30)

        answered_by_mail(system, received, customer, "Obrigada, recebi.")
        answered = becomes(bruno, ticket, "ANSWERED")
        assert answered["awaiting"] is None
        assert "start" in answered["allowedVerbs"], "released: a colleague may take it"
        last = messages(bruno, ticket)[-1]
        assert (last["direction"], last["newText"].strip()) == ("IN", "Obrigada, recebi.")

        done(bruno, ticket, "start")
        types = bruno.get("/serviceTypes", params={"departmentId": ticket["department"]["id"]}).json()["serviceTypes"]
        chosen = next(one for one in types if any(field["mandatory"] for field in one["fields"]))
        refused = bruno.post(
            f"/tickets/{ticket['id']}:conclude",
            json={"classification": {"serviceTypeId": chosen["id"], "data": []}},
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "SERVICE_TYPE_DATA_MISSING")
        mandatory = [field for field in chosen["fields"] if field["mandatory"]]
        assert {error["detail"] for error in refused.json()["errors"]} >= {field["name"] for field in mandatory}
        data = [{"fieldId": field["id"], "value": valid(field)} for field in mandatory]
        concluded = done(bruno, ticket, "conclude", classification={"serviceTypeId": chosen["id"], "data": data})
        assert concluded["status"] == "CLOSED"

        answered_by_mail(system, received, customer, "Voltou a acontecer.")
        later = eventually(
            lambda: [t for t in all_of(ana, customer) if t["id"] != ticket["id"] and t["status"] == "OPEN"], seconds=30
        )[0]
        later = read(ana, later)
        # Bruno closed it, so Ana does not see it: of the ticket before she is told the protocol alone.
        assert later["links"] == [{"kind": "PREVIOUS", "ticketId": "", "protocol": ticket["protocol"]}]
        assert later["protocol"] != ticket["protocol"]
        eventually(lambda: [m["newText"].strip() for m in messages(ana, later)][:1] == ["Voltou a acontecer."])
        closed = read(bruno, ticket)
        assert [(link["kind"], link["ticketId"]) for link in closed["links"]] == [("NEXT", later["id"])]
        assert "Voltou a acontecer." not in [m["newText"].strip() for m in messages(bruno, ticket)]


def valid(field: dict[str, Any]) -> str:
    samples = {"TEXT": "ok", "NUMBER": "12.50", "DATE": "2026-03-09", "YES_NO": "true"}
    return samples.get(field["kind"]) or str(field["choices"][0]["id"])


@pytest.mark.parametrize("rule", [*ANSWERS, "MESSAGE_ID", "REFERENCES", "PROTOCOL"])
def test_the_customers_answer_finds_its_conversation(
    system: System, customers_server: Correspondent, rule: str
) -> None:
    customer, subject = somebody(), f"Regra {rule} {uuid4().hex[:8]}"
    first = letter(subject, sender=f"Cliente <{customer}>")
    root = f"<{uuid4()}@exemplo.com>"
    first["References"] = root
    with system.client("ana") as ana:
        system.send(first, sender=customer)
        ticket = arrives(ana, subject)
        done(ana, ticket, "start")
        done(ana, ticket, "reply", text="Recebemos.", thenStatus="PENDING")
        received = customers_server.reply(customer)
        if rule in ANSWERS:
            answered_by_mail(system, received, customer, "Minha resposta.", **ANSWERS[rule])
        else:
            mail = letter("Outro assunto", "Minha resposta.", sender=f"Cliente <{customer}>")
            if rule == "MESSAGE_ID":
                mail["In-Reply-To"] = first["Message-ID"]
            elif rule == "REFERENCES":
                mail["References"] = root
            else:
                mail.replace_header("Subject", f"Sobre o protocolo {ticket['protocol']}")
            system.send(mail, sender=customer)
        becomes(ana, ticket, "ANSWERED")
        last = messages(ana, ticket)[-1]
        assert (last["newText"].strip(), last["joinedBy"]) == ("Minha resposta.", rule)


def test_a_forged_address_or_a_strangers_protocol_joins_nothing(
    system: System, customers_server: Correspondent
) -> None:
    customer, stranger = somebody(), somebody()
    with system.client("ana") as ana:
        ticket = opened(system, ana, customer)
        done(ana, ticket, "start")
        done(ana, ticket, "reply", text="Recebemos.", thenStatus="PENDING")
        box = parseaddr(str(customers_server.reply(customer).mail["Reply-To"]))[1]
        local, _, domain = box.partition("@")
        flipped = local[:-1] + ("a" if local[-1] != "a" else "b")
        subject = f"Forjado {uuid4().hex[:8]}"
        system.send(letter(subject, sender=stranger), to=f"{flipped}@{domain}", sender=stranger)
        named = f"Protocolo {ticket['protocol']} {uuid4().hex[:8]}"
        system.send(letter(named, sender=stranger), sender=stranger)
        assert arrives(ana, subject)["id"] != ticket["id"]
        assert arrives(ana, named)["id"] != ticket["id"]
        assert read(ana, ticket)["status"] == "PENDING"


def test_a_refused_reply_brings_the_ticket_back_with_the_servers_words(
    system: System, customers_server: Correspondent
) -> None:
    customer = somebody()
    with system.client("ana") as ana:
        ticket = opened(system, ana, customer)
        customers_server.acknowledgement(customer)
        customers_server.refused[customer] = "550 5.1.1 Caixa inexistente"
        done(ana, ticket, "start")
        assert done(ana, ticket, "reply", text="Resolvido.", thenStatus="RESOLVED")["status"] == "RESOLVED"
        back = becomes(ana, ticket, "STARTED")
        assert back["holder"]["name"] == "Ana Souza"
        delivery = messages(ana, ticket)[-1]["delivery"]
        assert delivery["state"] == "FAILED"
        assert "5.1.1 Caixa inexistente" in delivery["detail"]
        kinds = [e["kind"] for e in ana.get(f"/tickets/{ticket['id']}/interactions").json()["interactions"]]
        assert kinds[-1] == "DELIVERY_FAILED"

        del customers_server.refused[customer]
        failed = messages(ana, ticket)[-1]["id"]
        answer = ana.post(f"/tickets/{ticket['id']}/messages/{failed}:resend", json={})
        assert answer.status_code == 200, answer.text
        assert "Resolvido." in customers_server.reply(customer).text


def test_a_bounce_brings_the_ticket_back_and_answers_nothing(system: System, customers_server: Correspondent) -> None:
    customer = somebody()
    with system.client("ana") as ana:
        ticket = opened(system, ana, customer)
        done(ana, ticket, "start")
        done(ana, ticket, "reply", text="Aguardo.", thenStatus="PENDING")
        received = customers_server.reply(customer)
        eventually(lambda: messages(ana, ticket)[-1]["delivery"]["state"] == "SENT", seconds=30)
        report = (
            f"From: MAILER-DAEMON@exemplo.com\r\nTo: {received.sender}\r\nSubject: Undelivered Mail\r\n"
            f"Message-ID: <{uuid4()}@exemplo.com>\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
            "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.exemplo.com\r\n\r\n"
            f"Final-Recipient: rfc822; {customer}\r\nAction: failed\r\nStatus: 5.2.2\r\n"
            "Diagnostic-Code: smtp; 552 5.2.2 Caixa cheia\r\n\r\n--b--\r\n"
        )
        system.send(report.encode(), to=received.sender, sender="")
        back = becomes(ana, ticket, "STARTED")
        assert back["holder"]["name"] == "Ana Souza"
        said = messages(ana, ticket)
        sent = next(m for m in said if m["direction"] == "OUT" and m["automatic"] == "UNSPECIFIED")
        assert sent["delivery"]["state"] == "FAILED"
        assert "552 5.2.2 Caixa cheia" in sent["delivery"]["detail"]
        assert said[-1]["automatic"] == "BOUNCE"


def test_an_automatic_answer_is_shown_and_changes_nothing(system: System, customers_server: Correspondent) -> None:
    customer = somebody()
    with system.client("ana") as ana:
        ticket = opened(system, ana, customer)
        done(ana, ticket, "start")
        before = done(ana, ticket, "reply", text="Aguardo.", thenStatus="PENDING")
        received = customers_server.reply(customer)
        answered_by_mail(system, received, customer, "Estou de férias.", Auto_Submitted="auto-replied")
        eventually(lambda: messages(ana, ticket)[-1]["automatic"] == "AUTO_SUBMITTED", seconds=30)
        after = read(ana, ticket)
        assert (after["status"], after["interactions"]) == ("PENDING", before["interactions"])
        assert len(customers_server.replies(customer)) == 1


def test_two_tabs_with_one_request_id_send_one_mail_and_a_late_writer_is_warned(
    system: System, customers_server: Correspondent
) -> None:
    customer = somebody()
    with system.client("ana") as ana:
        ticket = opened(system, ana, customer)
        done(ana, ticket, "start")
        seen = read(ana, ticket)["lastMessageId"]
        body = {"text": "Uma vez só.", "thenStatus": "PENDING", "seenUpTo": seen}
        key = {"Idempotency-Key": uuid4().hex}
        answers = [ana.post(f"/tickets/{ticket['id']}:reply", json=body, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        received = customers_server.reply(customer)
        answered_by_mail(system, received, customer, "Mais uma coisa.")
        becomes(ana, ticket, "ANSWERED")
        late = {"text": "Sem ter lido.", "thenStatus": "PENDING", "seenUpTo": answers[0].json()["lastMessageId"]}
        warned = ana.post(f"/tickets/{ticket['id']}:reply", json=late)
        assert (warned.status_code, warned.json()["code"]) == (409, "SEEN_UP_TO_STALE")
        late["seenUpTo"] = warned.json()["lastMessageId"]
        assert ana.post(f"/tickets/{ticket['id']}:reply", json=late).status_code == 200
        texts = [customers_server.reply(customer, number).text for number in (1, 2)]
        assert ["Uma vez só." in texts[0], "Sem ter lido." in texts[1]] == [True, True]
        assert len(customers_server.replies(customer)) == 2
