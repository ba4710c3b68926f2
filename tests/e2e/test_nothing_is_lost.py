"""Killing any process under load loses nothing and counts nothing twice."""

import os
import signal
import smtplib
import threading
from collections import Counter
from uuid import uuid4

import pytest
from e2e_support import Browser, System, all_tickets, letter
from playwright.sync_api import expect

from servicekit.testing import eventually

# Every process of the way in, and those that answer.
VICTIMS = [
    "mail-receiver",
    "mail-ingest",
    "mail-worker",
    "mail-scheduler",
    "routing-worker",
    "publisher-api",
    "ticket-api",
    "ticket-worker",
    "gateway",
]


class Customers(threading.Thread):
    """Write mail after mail, each until it is accepted, as any sending server does."""

    def __init__(self, system: System, mark: str, count: int) -> None:
        super().__init__()
        self.system, self.mark, self.count = system, mark, count
        self.accepted: list[str] = []

    def run(self) -> None:
        for number in range(self.count):
            subject = f"{self.mark} {number}"
            mail = letter(subject).as_bytes()
            while subject not in self.accepted:
                try:
                    self.system.send(mail)
                    self.accepted.append(subject)
                except (OSError, smtplib.SMTPException):
                    threading.Event().wait(0.05)


@pytest.mark.parametrize("victim", VICTIMS)
def test_every_accepted_mail_is_one_ticket_whoever_is_killed(system: System, victim: str) -> None:
    mark = f"Carga {uuid4().hex[:8]}"
    customers = Customers(system, mark, 60)
    customers.start()
    for _ in range(2):
        eventually(lambda: len(customers.accepted) > 10 or not customers.is_alive())
        (pid, *_) = eventually(lambda: system.pids(victim))
        os.kill(pid, signal.SIGKILL)
        eventually(lambda pid=pid: system.pids(victim) and pid not in system.pids(victim), seconds=30)
    customers.join(timeout=90)
    assert len(customers.accepted) == 60

    def tickets() -> Counter[str]:
        try:
            with system.client("ana") as ana:
                return Counter(row["subject"] for row in all_tickets(ana) if row["subject"].startswith(mark))
        except Exception:
            # The gateway or a service may still be on its way back.
            return Counter()

    eventually(lambda: len(tickets()) == 60, seconds=90)
    assert set(tickets().values()) == {1}


def test_an_open_page_catches_up_by_itself_after_the_gateway_was_killed(system: System, browser: Browser) -> None:
    page = browser.page("ana")
    before, during = (f"{word} {uuid4().hex[:8]}" for word in ("Antes", "Durante"))
    system.send(letter(before))
    expect(page.get_by_test_id("queue-row").filter(has_text=before)).to_be_visible(timeout=20_000)
    killed = system.pids("gateway")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    system.send(letter(during))
    eventually(lambda: system.pids("gateway") and not set(system.pids("gateway")) & set(killed), seconds=30)
    expect(page.get_by_test_id("queue-row").filter(has_text=during)).to_be_visible(timeout=40_000)


def test_a_killed_gateway_leaves_no_worker_behind(system: System) -> None:
    main = min(system.pids("gateway"))
    before = system.pids("gateway")
    os.kill(main, signal.SIGKILL)
    eventually(lambda: not set(system.pids("gateway")) & set(before), seconds=20)
