"""Fills an empty Guichê with the demo: the directory by handlers, the tickets by real mails and presses of Start."""

import json
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.request import Request, urlopen

from sqlalchemy import text

from all_in_one.demo import company
from all_in_one.demo.mails import LETTERS, send
from routing.config import RoutingSettings
from routing.handlers.passwords import Passwords
from servicekit.database import Database

# Who has started which of the customers' mails before the visitor arrives.
STARTED = (
    ("bruno", "Elogio ao entregador"),
    ("fabio", "Não consigo entrar no aplicativo depois da atualização"),
    ("davi", "Segunda via da nota fiscal"),
)
PATIENCE_SECONDS = 60.0
T = TypeVar("T")


def fill(routing: Database, mail: Database, base: str, smtp_port: int) -> None:
    """Does nothing where there is an organization already. The gateway and the receiver must be answering."""
    if not found_company(routing, mail):
        return
    for letter in LETTERS:
        send(letter, smtp_port)
    tokens = {username: sign_in(base, username) for username, _ in STARTED}
    for username, subject in STARTED:
        token = tokens[username]
        ticket_id = eventually(partial(ticket_about, base, token, subject))
        call(base, f"/tickets/{ticket_id}:start", token, {})
    # All have arrived when the supervisor sees them.
    carla = sign_in(base, "carla")
    eventually(lambda: call(base, "/tickets:counts", carla)["total"] >= len(LETTERS))


def fill_by_urls(base: str, smtp_port: int) -> None:
    """The same from a process that has no databases open."""
    routing, mail = (Database(os.environ[f"GUICHE_{owner}_DATABASE_URL"], pool=1) for owner in ("ROUTING", "MAIL"))
    try:
        fill(routing, mail, base, smtp_port)
    finally:
        routing.close()
        mail.close()


def found_company(routing: Database, mail: Database) -> bool:
    """The directory and the mailboxes; False where there was an organization."""
    with routing.transaction() as connection:
        if connection.scalar(text("SELECT EXISTS (SELECT FROM organizations)")):
            return False
    settings = RoutingSettings()
    password_hash = Passwords(settings.password_memory_kib, settings.password_passes).hash(company.PASSWORD)
    with routing.transaction() as connection:
        organization_id = company.found(connection, password_hash)
    with mail.transaction() as connection:
        company.open_mailboxes(connection, organization_id)
    return True


def sign_in(base: str, username: str) -> str:
    said = {"username": username, "password": company.PASSWORD}
    return str(call(base, "/auth:login", "", said)["accessToken"])


def ticket_about(base: str, token: str, subject: str) -> str:
    tickets = call(base, "/tickets?pageSize=100", token)["tickets"]
    return next((str(ticket["id"]) for ticket in tickets if ticket["subject"] == subject), "")


def call(base: str, path: str, token: str = "", body: dict[str, Any] | None = None) -> Any:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{base}/api/v1{path}", data=data, headers=headers)  # noqa: S310  # our own gateway
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def eventually(condition: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("The demo's mails did not become tickets; the log says why.")
        time.sleep(0.1)
    return value
