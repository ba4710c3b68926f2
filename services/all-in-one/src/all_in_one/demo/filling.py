"""Fills an empty Guichê with the demo: the directory by handlers, the tickets by real mails and presses of Start."""

import json
import os
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sqlalchemy import text

from all_in_one.demo import company, service_types
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
    founded = found_company(routing, mail)
    if founded is None:
        return
    for letter in LETTERS:
        send(letter, smtp_port)
    service_types.register(partial(call_once_known, base, sign_in(base, "admin")), founded.departments)
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


def found_company(routing: Database, mail: Database) -> company.Company | None:
    """The directory and the mailboxes; None where there was an organization."""
    with routing.transaction() as connection:
        if connection.scalar(text("SELECT EXISTS (SELECT FROM organizations)")):
            return None
    settings = RoutingSettings()
    password_hash = Passwords(settings.password_memory_kib, settings.password_passes).hash(company.PASSWORD)
    with routing.transaction() as connection:
        founded = company.found(connection, password_hash)
    with mail.transaction() as connection:
        company.open_mailboxes(connection, founded.organization_id)
    return founded


def sign_in(base: str, username: str) -> str:
    """Asks again while the service that knows people is still starting."""
    said = {"username": username, "password": company.PASSWORD}

    def token() -> str:
        try:
            return str(call(base, "/auth:login", "", said)["accessToken"])
        except HTTPError as error:
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                return ""
            raise

    return eventually(token)


def ticket_about(base: str, token: str, subject: str) -> str:
    tickets = call(base, "/tickets?pageSize=100", token)["tickets"]
    return next((str(ticket["id"]) for ticket in tickets if ticket["subject"] == subject), "")


def call_once_known(base: str, token: str, method: str, path: str, body: dict[str, Any]) -> Any:
    """Again, until who calls and what is named have been heard of by the service that answers."""

    def answer() -> Any:
        try:
            return call(base, path, token, body if method != "GET" else None, method)
        except HTTPError as error:
            if service_types.not_yet(error):
                return None
            raise

    return eventually(answer)


def call(base: str, path: str, token: str = "", body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{base}/api/v1{path}", data=data, headers=headers, method=method)  # noqa: S310  # our own gateway
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def eventually(condition: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("The demo was not there in time; the log says why.")
        time.sleep(0.1)
    return value
