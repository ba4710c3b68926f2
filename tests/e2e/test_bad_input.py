"""What attackers and broken programs send: a clear error, a safe ticket or quarantine; nothing lost, nothing else slowed."""

import smtplib
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from uuid import uuid4

import httpx
import pytest
from e2e_support import System, all_tickets, arrives, letter


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    body = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= body.keys()
    return answer.status_code, body["code"]


@pytest.fixture
def ana(system: System) -> Iterator[httpx.Client]:
    with system.client("ana") as client:
        yield client


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"pageSize": "mil"}, "INVALID_REQUEST"),
        ({"pageSize": "101"}, "INVALID_REQUEST"),
        ({"pageSize": "-1"}, "INVALID_REQUEST"),
        ({"status": "ABERTO"}, "INVALID_REQUEST"),
        ({"colour": "red"}, "UNKNOWN_FIELD"),
        ({"departmentId": "1 OR 1=1"}, "INVALID_REQUEST"),
        ({"pageToken": "forjado"}, "PAGE_TOKEN_INVALID"),
        ({"pageToken": "A" * 1001}, "INVALID_REQUEST"),
    ],
)
def test_a_bad_query_is_refused_by_name(ana: httpx.Client, query: dict[str, str], code: str) -> None:
    answer = ana.get("/tickets", params=query)
    assert problem(answer) == (400, code)
    assert answer.json()["errors"], "names the field"


def test_a_page_token_of_somebody_else_is_refused(system: System, ana: httpx.Client) -> None:
    with system.client("carla") as carla:
        token = carla.get("/tickets", params={"pageSize": "1"}).json()["nextPageToken"]
    assert problem(ana.get("/tickets", params={"pageSize": "1", "pageToken": token})) == (400, "PAGE_TOKEN_INVALID")


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b'{"etag": 5}', b'{"holder": "me"}', b'{"etag":"1","etag":"2"}', b"\xff\xfe", b"[" * 5000],
)
def test_a_bad_body_is_refused_and_changes_nothing(system: System, ana: httpx.Client, body: bytes) -> None:
    subject = f"Corpo {uuid4().hex[:8]}"
    system.send(letter(subject))
    ticket = arrives(ana, subject)
    answer = ana.post(f"/tickets/{ticket['id']}:start", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer)[0] == 400
    assert ana.get(f"/tickets/{ticket['id']}").json()["status"] == "OPEN"


def test_a_stale_etag_is_refused_with_412(system: System, ana: httpx.Client) -> None:
    subject = f"Antigo {uuid4().hex[:8]}"
    system.send(letter(subject))
    ticket = arrives(ana, subject)
    answer = ana.post(f"/tickets/{ticket['id']}:start", headers={"If-Match": '"999"'})
    assert problem(answer) == (412, "STALE")
    answer = ana.post(f"/tickets/{ticket['id']}:start", headers={"If-Match": f'"{ticket["etag"]}"'})
    assert answer.status_code == 200


def test_the_same_idempotency_key_gives_the_same_answer(system: System, ana: httpx.Client) -> None:
    subject = f"Repetido {uuid4().hex[:8]}"
    system.send(letter(subject))
    ticket = arrives(ana, subject)
    key = {"Idempotency-Key": str(uuid4())}
    first, second = (ana.post(f"/tickets/{ticket['id']}:start", headers=key) for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert first.status_code == 200


def test_no_token_a_forged_one_and_garbage_are_refused_apart(system: System, ana: httpx.Client) -> None:
    token = ana.headers["Authorization"].removeprefix("Bearer ")
    head, body, signature = token.split(".")
    forged = f"{head}.{body}.{signature[:-4]}{'AAAA' if not signature.endswith('AAAA') else 'BBBB'}"
    with httpx.Client(base_url=f"{system.base}/api/v1") as nobody:
        assert problem(nobody.get("/tickets")) == (401, "UNAUTHENTICATED")
        for bad in (forged, "x", "a.b.c", "é"):
            answer = nobody.get("/tickets", headers={"Authorization": f"Bearer {bad}".encode()})
            assert problem(answer) == (401, "TOKEN_INVALID")


def test_a_wrong_password_and_an_unknown_user_look_the_same(system: System) -> None:
    with httpx.Client(base_url=f"{system.base}/api/v1") as nobody:
        said = [
            nobody.post("/auth:login", json={"username": name, "password": "errada"})
            for name in ("elisa", f"x{uuid4()}")
        ]
    assert {problem(answer) for answer in said} == {(401, "CREDENTIALS_REJECTED")}
    assert len({answer.json()["detail"] for answer in said}) == 1


def without(mail: EmailMessage, *headers: str) -> bytes:
    for header in headers:
        del mail[header]
    return mail.as_bytes()


def many_parts(subject: str) -> bytes:
    head = f"From: m@exemplo.com\nSubject: {subject}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    return head.encode() + b"--b\nContent-Type: text/plain\n\nparte\n" * 50_000 + b"--b--\n"


def nested(subject: str) -> bytes:
    head = f"From: m@exemplo.com\nSubject: {subject}\nMIME-Version: 1.0\n"
    levels = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(100))
    return f"{head}{levels}Content-Type: text/plain\n\nfundo\n".encode()


def recipients(subject: str) -> bytes:
    everyone = ",\n ".join(f"pessoa{n}@exemplo.com" for n in range(20_000))
    return f"From: m@exemplo.com\nTo: {everyone}\nSubject: {subject}\n\nolá\n".encode()


def great_headers(subject: str) -> bytes:
    filler = "".join(f"X-Lixo-{n}: {'a' * 900}\n" for n in range(11_000))
    return f"From: m@exemplo.com\nSubject: {subject}\n{filler}\nolá\n".encode()


def unknown_charset(subject: str) -> bytes:
    head = f"From: m@exemplo.com\nSubject: {subject}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=klingon-8\n"
    return head.encode() + b"Content-Transfer-Encoding: 8bit\n\nol\xe1\n"


SAFE_OR_QUARANTINED: dict[str, Callable[[str], bytes]] = {
    "no Message-ID": lambda subject: without(letter(subject), "Message-ID"),
    "no From": lambda subject: without(letter(subject), "From"),
    "50,000 parts": many_parts,
    "20,000 recipients": recipients,
    "10 MB of headers": great_headers,
    "an unknown charset": unknown_charset,
    "100 levels of nesting": nested,
}


@pytest.mark.parametrize("kind", SAFE_OR_QUARANTINED)
def test_a_hostile_mail_is_safe_and_the_next_customer_waits_no_longer(
    system: System, ana: httpx.Client, kind: str
) -> None:
    hostile, normal = (f"{name} {uuid4().hex[:8]}" for name in ("Hostil", "Normal"))
    system.send(SAFE_OR_QUARANTINED[kind](hostile))
    began = time.monotonic()
    system.send(letter(normal))
    arrives(ana, normal, seconds=15)
    waited = time.monotonic() - began
    ticket = arrives(ana, hostile, seconds=30)
    messages = ana.get(f"/tickets/{ticket['id']}/messages").json()["messages"]
    messages = [message for message in messages if message["direction"] == "IN"]
    assert len(messages) == 1
    assert waited < 15


def test_a_mail_over_the_limit_is_refused_while_it_is_sent(system: System) -> None:
    mail = letter("Grande demais")
    mail.add_attachment(b"\0" * 30_000_000, maintype="application", subtype="octet-stream", filename="g.bin")
    with pytest.raises(smtplib.SMTPResponseException) as refusal:
        system.send(mail)
    assert refusal.value.smtp_code == 552


def test_a_mail_for_nobody_is_refused_at_the_address(system: System) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        system.send(letter("Para ninguém"), to="ninguem@demo.guiche")
    assert refusal.value.recipients["ninguem@demo.guiche"][0] == 550


def test_the_same_mail_delivered_twice_is_one_ticket(system: System, ana: httpx.Client) -> None:
    subject = f"Duas vezes {uuid4().hex[:8]}"
    raw = letter(subject).as_bytes()
    system.send(b"Received: from a by b; Mon, 9 Mar 2026 12:00:00 -0300\n" + raw)
    system.send(b"Received: from c by d; Mon, 9 Mar 2026 12:00:09 -0300\n" + raw)
    after = f"Depois {uuid4().hex[:8]}"
    system.send(letter(after))
    arrives(ana, after)
    assert len([row for row in all_tickets(ana) if row["subject"] == subject]) == 1
