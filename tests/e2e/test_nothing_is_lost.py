"""Killing any process under load loses nothing and counts nothing twice."""

import os
import signal
import threading
from uuid import uuid4

import pytest
from e2e_support import Browser, Customers, System, letter, tickets_of
from order import assert_in_order
from playwright.sync_api import expect

from localservers.rabbitmq import RabbitMQ
from servicekit.testing import eventually

# Every process of the way in, and those that answer.
VICTIMS = [
    "mail-receiver",
    "mail-ingest",
    "mail-send",
    "mail-worker",
    "mail-scheduler",
    "routing-worker",
    "publisher-api",
    "ticket-api",
    "ticket-worker",
    "gateway",
]
WORKERS = ["mail-receiver", "mail-ingest", "mail-worker", "routing-worker", "publisher-worker", "ticket-worker"]


@pytest.mark.parametrize("victim", VICTIMS)
def test_every_accepted_mail_is_one_ticket_whoever_is_killed(system: System, victim: str) -> None:
    mark = f"Carga {uuid4().hex[:8]}"
    customers = Customers(system, mark, 60)
    customers.start()
    for _ in range(2):
        wanted = len(customers.accepted) + 10
        eventually(lambda wanted=wanted: len(customers.accepted) >= wanted or not customers.is_alive(), seconds=30)
        (pid, *_) = eventually(lambda: system.pids(victim))
        os.kill(pid, signal.SIGKILL)
        eventually(lambda pid=pid: system.pids(victim) and pid not in system.pids(victim), seconds=30)
    customers.join(timeout=90)
    assert len(customers.accepted) == 60

    eventually(lambda: len(tickets_of(system, mark)) == 60, seconds=90)
    assert set(tickets_of(system, mark).values()) == {1}
    assert_in_order(system.data)


@pytest.mark.timeout(600)
def test_two_hundred_mails_drain_though_the_broker_restarts_the_ticket_service_stands_still_and_all_workers_die(
    system: System, broker: RabbitMQ
) -> None:
    mark = f"Tudo {uuid4().hex[:8]}"
    customers = Customers(system, mark, 200)
    customers.start()
    eventually(lambda: len(customers.accepted) >= 40, seconds=60)
    broker.stop()
    broker.start()
    for worker in WORKERS:
        wanted = len(customers.accepted) + 5
        eventually(lambda wanted=wanted: len(customers.accepted) >= wanted or not customers.is_alive(), seconds=60)
        os.kill(eventually(lambda worker=worker: system.pids(worker))[0], signal.SIGKILL)
    standing = [*system.pids("ticket-api"), *system.pids("ticket-worker")]
    for pid in standing:
        os.kill(pid, signal.SIGSTOP)
    # The minute is what is tried here: longer than every deadline and lease on the way.
    threading.Event().wait(60)
    for pid in standing:
        os.kill(pid, signal.SIGCONT)
    customers.join(timeout=120)
    assert len(customers.accepted) == 200
    eventually(lambda: len(tickets_of(system, mark)) == 200, seconds=180)
    assert set(tickets_of(system, mark).values()) == {1}
    assert_in_order(system.data)


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
    eventually(system.answers, seconds=60)
