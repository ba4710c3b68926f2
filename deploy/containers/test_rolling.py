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
from correspondent import Correspondent
from e2e_support import System, all_tickets, letter
from image_packages import SERVICES

from all_in_one.check.command import checked
from all_in_one.check.report import broken
from all_in_one.check.settings import CheckSettings
from servicekit.testing import eventually

PAUSE = 0.05


class Attendant(threading.Thread):
    """Works without a break: lists, counts, reads, and writes with tickets of its own. Keeps each answer that is not
    what it should be; tries nothing a second time."""

    def __init__(self, base: str, username: str, kept: bool) -> None:
        """kept: whether it keeps its connection, as a proxy does, or opens one for each request."""
        super().__init__(name=username, daemon=True)
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
        super().__init__(name="customer", daemon=True)
        self.system, self.mark = system, mark
        self.ended = threading.Event()
        self.failures: list[str] = []
        self.accepted: list[str] = []

    def run(self) -> None:
        while not self.ended.wait(PAUSE):
            subject = f"{self.mark} {len(self.accepted)}"
            mail = letter(subject).as_bytes()
            while not self.sent(mail):
                if self.ended.wait(PAUSE):
                    return
            self.accepted.append(subject)

    def sent(self, mail: bytes) -> bool:
        try:
            self.system.send(mail)
        except (OSError, smtplib.SMTPException) as error:
            self.failures.append(f"{type(error).__name__} {error}")
            return False
        return True


class Page(threading.Thread):
    """An open page: listens to what is pushed, and comes back when a stream ends, as browsers do."""

    def __init__(self, base: str, username: str) -> None:
        super().__init__(name="page", daemon=True)
        self.attendant = Attendant(base, username, kept=False)
        self.ended = threading.Event()
        self.failures: list[str] = []
        self.streams = self.events = 0

    def run(self) -> None:
        with self.attendant.client as client:
            self.attendant.sign_in()
            while not self.ended.is_set():
                try:
                    self.listen(client)
                except httpx.ReadTimeout:
                    continue
                except httpx.HTTPError as error:
                    self.failures.append(f"events: {type(error).__name__} {error}")

    def listen(self, client: httpx.Client) -> None:
        with client.stream("GET", "/events", timeout=5) as stream:
            if stream.status_code != 200:
                self.failures.append(f"events: {stream.status_code}")
                return
            self.streams += 1
            for line in stream.iter_lines():
                self.events += line.startswith("event: ticket")
                if self.ended.is_set():
                    return


@contextmanager
def under_load(installation: Installation, mark: str) -> Iterator[tuple[list[Attendant], Customer, Page]]:
    system = System(Path(), installation.read())
    attendants = [Attendant(system.base, "ana", kept=True), Attendant(system.base, "fabio", kept=False)]
    customer, page = Customer(system, mark), Page(system.base, "carla")
    workers: list[Attendant | Customer | Page] = [*attendants, customer, page]
    for worker in workers:
        worker.start()
    try:
        eventually(lambda: len(customer.accepted) > 5 and all(one.answered > 5 for one in attendants), seconds=60)
        yield attendants, customer, page
    finally:
        for worker in workers:
            worker.ended.set()
        for worker in workers:
            worker.join(60)
    assert not [worker.name for worker in workers if worker.is_alive()], "everybody gets an answer in the end"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("service", SERVICES)
def test_a_rolling_restart_fails_no_request_and_loses_no_mail(
    installation: Installation, customers: Correspondent, service: str
) -> None:
    mark = f"Rolagem {uuid4().hex[:8]}"
    before = {pod.name for pod in installation.pods_of(service)}
    with under_load(installation, mark) as (attendants, customer, page):
        for deployment in list(installation.cluster.pods):
            if deployment.startswith(f"guiche-{service}"):
                installation.cluster.roll_out(deployment)
    assert not before & {pod.name for pod in installation.pods_of(service)}
    workers: list[Attendant | Customer | Page] = [*attendants, customer, page]
    failures = [failure for one in workers for failure in one.failures]
    assert not failures, "\n".join(failures)
    assert page.events > 0
    requests = sum(one.answered for one in attendants)
    print(f"{service}: {requests} requests, {len(customer.accepted)} mails, {page.streams} streams")  # noqa: T201  # -s

    with System(Path(), installation.read()).client("carla") as carla:

        def subjects() -> Counter[str]:
            return Counter(row["subject"] for row in all_tickets(carla) if row["subject"].startswith(mark))

        eventually(lambda: len(subjects()) >= len(customer.accepted), seconds=120)
        assert subjects() == Counter(customer.accepted)
    found = findings(installation)
    assert not found, "\n".join(found)


@pytest.mark.timeout(1800)
def test_a_release_that_is_taken_back_at_once_fails_no_request(installation: Installation) -> None:
    """All addresses that callers have heard of are gone before gRPC, left alone, would ask for the names again."""
    with under_load(installation, f"De volta {uuid4().hex[:8]}") as (attendants, _, _):
        for _ in range(2):
            installation.cluster.roll_out("guiche-ticket-api")
    failures = [failure for one in attendants for failure in one.failures]
    assert not failures, "\n".join(failures)


def findings(installation: Installation) -> list[str]:
    """Broken promises, and what could not be looked at."""
    urls = {f"{owner}_database_url": url for owner, url in installation.databases.items()}
    files = installation.files.as_uri()
    settings = CheckSettings.model_validate(
        {**urls, "mail_files_url": files, "rabbitmq_url": installation.rabbitmq_url}
    )
    # What the last mails have set off may be under way for a moment.
    results = checked(settings, grace=5, settle=30)
    return [repr(result) for result in results if broken(result) or result.unseen]


@pytest.mark.timeout(1800)
def test_the_load_notices_a_pod_that_ends_before_anybody_has_heard_of_it(installation: Installation) -> None:
    (doomed, *_) = installation.pods_of("gateway")
    with under_load(installation, f"Sem aviso {uuid4().hex[:8]}") as (attendants, _, _):
        installation.cluster.engine("kill", doomed.container)
        eventually(lambda: any(one.failures for one in attendants), seconds=30)
        installation.cluster.replace_dead("guiche-gateway", doomed)
