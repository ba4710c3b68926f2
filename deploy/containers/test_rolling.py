"""A rolling restart of every service under mail and API load fails no request and loses nothing."""

import smtplib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cluster import Installation
from e2e_support import System, all_tickets, letter
from rendering import SERVICES

from servicekit.testing import eventually

PAUSE = 0.05


class Attendant(threading.Thread):
    """Works without a break: lists, counts, reads, and writes with tickets of its own. Keeps each answer that is not
    what it should be; tries nothing a second time."""

    def __init__(self, base: str, username: str, kept: bool) -> None:
        """kept: whether it keeps its connection, as a proxy does, or opens one for each request."""
        super().__init__(name=username)
        self.base, self.username = base, username
        headers = {} if kept else {"Connection": "close"}
        self.client = httpx.Client(base_url=f"{base}/api/v1", timeout=30, headers=headers)
        self.ended = threading.Event()
        self.failures: list[str] = []
        self.answered = 0

    def run(self) -> None:
        with self.client:
            self.sign_in()
            while not self.ended.wait(PAUSE):
                self.work()

    def sign_in(self) -> None:
        answer = self.client.post("/auth:login", json={"username": self.username, "password": "guiche"})
        self.client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"

    def work(self) -> None:
        listed = self.ask("GET", "/tickets?pageSize=20")
        self.ask("GET", "/tickets:counts")
        for ticket in (listed or {}).get("tickets", [])[:2]:
            # Of two who start it at once one is told who was faster, and the other's list shows what is gone from view.
            self.ask("GET", f"/tickets/{ticket['id']}", ok=(200, 404))
            self.ask("GET", f"/tickets/{ticket['id']}/messages", ok=(200, 404))
            if "start" in ticket["allowedVerbs"] and not ticket.get("holder"):
                self.ask("POST", f"/tickets/{ticket['id']}:start", ok=(200, 404, 409))

    def ask(self, method: str, path: str, ok: tuple[int, ...] = (200,)) -> dict[str, Any] | None:
        try:
            answer = self.client.request(method, path, json={} if method == "POST" else None)
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {path}: {type(error).__name__} {error}")
            return None
        self.answered += 1
        if answer.status_code not in ok:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            return None
        return dict(answer.json())


class Customer(threading.Thread):
    """Writes mail after mail, each until it is accepted, as any sending server does, and keeps what went wrong."""

    def __init__(self, system: System, mark: str) -> None:
        super().__init__(name="customer")
        self.system, self.mark = system, mark
        self.ended = threading.Event()
        self.failures: list[str] = []
        self.accepted: list[str] = []

    def run(self) -> None:
        while not self.ended.wait(PAUSE):
            subject = f"{self.mark} {len(self.accepted)}"
            mail = letter(subject).as_bytes()
            while not self.send(mail):
                self.ended.wait(PAUSE)
            self.accepted.append(subject)

    def send(self, mail: bytes) -> bool:
        try:
            self.system.send(mail)
        except (OSError, smtplib.SMTPException) as error:
            self.failures.append(f"{type(error).__name__} {error}")
            return False
        return True


@contextmanager
def under_load(system: System, mark: str) -> Iterator[tuple[list[Attendant], Customer]]:
    attendants = [Attendant(system.base, "ana", kept=True), Attendant(system.base, "fabio", kept=False)]
    customer = Customer(system, mark)
    workers: list[Attendant | Customer] = [*attendants, customer]
    for worker in workers:
        worker.start()
    try:
        eventually(lambda: len(customer.accepted) > 5 and all(one.answered > 5 for one in attendants), seconds=60)
        yield attendants, customer
    finally:
        for worker in workers:
            worker.ended.set()
        for worker in workers:
            worker.join(60)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("service", SERVICES)
def test_a_rolling_restart_fails_no_request_and_loses_no_mail(installation: Installation, service: str) -> None:
    system = System(Path(), installation.read())
    mark = f"Rolagem {uuid4().hex[:8]}"
    with under_load(system, mark) as (attendants, customer):
        for deployment in list(installation.cluster.pods):
            if deployment.startswith(f"guiche-{service}"):
                installation.cluster.roll_out(deployment)
    failures = [failure for one in (*attendants, customer) for failure in one.failures]
    assert not failures, "\n".join(failures)
    with system.client("carla") as carla:

        def subjects() -> Counter[str]:
            return Counter(row["subject"] for row in all_tickets(carla) if row["subject"].startswith(mark))

        eventually(lambda: len(subjects()) >= len(customer.accepted), seconds=120)
        assert set(subjects().values()) == {1}
        assert set(subjects()) == set(customer.accepted)
