"""What one does in a conversation: as the customer by SMTP, as the attendant over the API."""

from email.utils import parseaddr
from typing import Any
from uuid import uuid4

import httpx
from correspondent import Received, answer_to
from e2e_support import System, arrives, letter

from servicekit.testing import eventually


def somebody() -> str:
    return f"cliente-{uuid4().hex[:10]}@exemplo.com"


def opened(system: System, ana: httpx.Client, customer: str, subject: str = "") -> dict[str, Any]:
    subject = subject or f"Conversa {uuid4().hex[:8]}"
    system.send(letter(subject, sender=f"Cliente <{customer}>"), sender=customer)
    return arrives(ana, subject)


def read(client: httpx.Client, ticket: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(f"/tickets/{ticket['id']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def done(client: httpx.Client, ticket: dict[str, Any], verb: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/tickets/{ticket['id']}:{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def messages(client: httpx.Client, ticket: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.get(f"/tickets/{ticket['id']}/messages", params={"pageSize": "50"})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["messages"])


def becomes(client: httpx.Client, ticket: dict[str, Any], status: str) -> dict[str, Any]:
    return eventually(lambda: found if (found := read(client, ticket))["status"] == status else None, seconds=30)


def answered_by_mail(system: System, received: Received, customer: str, text: str, **headers: Any) -> None:
    mail = answer_to(received.mail, text, f"Cliente <{customer}>", **headers)
    system.send(mail, to=parseaddr(str(mail["To"]))[1], sender=customer)


def all_of(client: httpx.Client, customer: str) -> list[dict[str, Any]]:
    """The tickets whose first message is of this address."""
    listed = client.get("/tickets", params={"pageSize": "20"}).json()["tickets"]
    return [row for row in listed if any(m["sender"]["email"] == customer for m in messages(client, row)[:1])]
