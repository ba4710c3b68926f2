"""Customers and attendants who go on whatever happens, and remember what they were promised."""

import json
import random
import smtplib
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pika
import psycopg
from correspondent import Correspondent
from e2e_support import PASSWORD, letter
from faults_house import House
from order import assert_in_order

from all_in_one.check.command import checked, read_settings
from all_in_one.environment import SETTINGS_FILE
from servicekit.events.amqp import CONTENT_TYPE, DEAD, queue_of
from servicekit.testing import eventually

# What an attacker or a broken program sends; which fate it has is no matter here, as long as it has one.
HOSTILE = (
    b"",
    b"\x00" * 100,
    b"From: \xff\xfe\r\nSubject: =?utf-8?B?////?=\r\n\r\n\x80",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 3_000,
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 200,
    b"Content-Type: text/html\r\n\r\n" + b"<div>" * 20_000 + b"<script>alert(1)</script>",
    b"To: " + b"a@b.example, " * 5_000 + b"\r\n\r\nx",
    b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"//8A" * 5_000,
)


@dataclass(frozen=True)
class Done:
    """A verb that was answered 2xx: the version of the ticket it led to."""

    ticket_id: str
    version: int
    kind: str


class Flood:
    """Customers write, some hostile, some again to what they have written before; attendants treat what comes."""

    def __init__(self, house: House, customers: int = 2, attendants: tuple[str, ...] = ("ana", "fabio")) -> None:
        self.house, self.mark = house, f"Enchente {uuid4().hex[:8]}"
        self.stopping, self.abandoned = threading.Event(), threading.Event()
        # Message-IDs that were answered 250, hostile ones apart, and whether they began a conversation.
        self.accepted: dict[str, bool] = {}
        self.hostile: set[str] = set()
        self.done: list[Done] = []
        self.errors: list[BaseException] = []
        # The codes of answers to customers other than 250.
        self.refusals: list[int] = []
        people: list[Callable[[], None]] = [self.write] * customers
        people += [lambda name=name: self.treat(name) for name in attendants]  # type: ignore[misc]
        self.threads = [threading.Thread(target=self.guarded, args=(person,), daemon=True) for person in people]

    def __enter__(self) -> "Flood":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        self.stopping.set()
        if failed:
            # What failed is told; nobody waits for answers any more.
            self.abandoned.set()
        for thread in self.threads:
            thread.join(30 if failed else 120)
        assert failed or not [thread for thread in self.threads if thread.is_alive()], (
            "everybody gets an answer in the end"
        )

    def guarded(self, person: Callable[[], None]) -> None:
        try:
            person()
        except BaseException as error:
            self.errors.append(error)

    def grows(self, mails: int = 10, seconds: float = 300) -> None:
        """Goes on until so many more were accepted, on a busy machine too."""
        wanted = len(self.accepted) + mails
        eventually(lambda: len(self.accepted) >= wanted or self.errors, seconds)

    # Customers.

    def write(self) -> None:
        draw = random.Random(uuid4().int)
        while not self.stopping.is_set():
            message_id = f"{uuid4()}@{self.mark.split()[1]}.exemplo.com"
            if draw.random() < 0.15:
                head = f"Message-ID: <{message_id}>\r\nX-Mark: {self.mark}\r\n".encode()
                self.until_accepted(head + draw.choice(HOSTILE))
                self.hostile.add(message_id)
                continue
            before = [known for known, began in list(self.accepted.items()) if began]
            answers = draw.choice(before) if before and draw.random() < 0.3 else ""
            # Each has an address of their own: one who writes without end is not acknowledged.
            mail = letter(f"{self.mark} {message_id[:8]}", sender=f"C <c{uuid4().hex[:12]}@exemplo.com>")
            mail.replace_header("Message-ID", f"<{message_id}>")
            if answers:
                mail["In-Reply-To"] = f"<{answers}>"
            self.until_accepted(mail.as_bytes())
            self.accepted[message_id] = not answers

    def until_accepted(self, raw: bytes) -> None:
        """As every sending server does: the same mail again, until somebody says 250."""
        deadline = time.monotonic() + 300
        while not self.abandoned.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self.house.lines["receiver"].port, timeout=20) as smtp:
                    smtp.sendmail("cliente@exemplo.com", ["atendimento@demo.guiche"], raw)
                    return
            except (OSError, smtplib.SMTPException) as error:
                self.refusals += codes_of(error)
                assert time.monotonic() < deadline, "somebody takes this mail in the end"
                time.sleep(0.1)

    # Attendants.

    def treat(self, username: str) -> None:
        draw = random.Random(username)
        while not self.stopping.is_set():
            try:
                with closing(self.signed_in(username)) as client:
                    while not self.stopping.is_set():
                        self.treat_one(client, draw)
            except (httpx.HTTPError, Refused):
                time.sleep(0.2)

    def signed_in(self, username: str) -> httpx.Client:
        client = httpx.Client(base_url=f"{self.house.system.base}/api/v1", timeout=20)
        answer = client.post("/auth:login", json={"username": username, "password": PASSWORD})
        if answer.status_code != 200:
            client.close()
            raise Refused(answer.text)
        client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
        return client

    def treat_one(self, client: httpx.Client, draw: random.Random) -> None:
        answer = client.get("/tickets", params={"pageSize": "50", "status": "OPEN"})
        if answer.status_code != 200:
            raise Refused(answer.text)
        free = [row for row in answer.json()["tickets"] if "start" in row["allowedVerbs"]]
        if not free:
            time.sleep(0.2)
            return
        ticket_id = draw.choice(free)["id"]
        self.act(client, ticket_id, "start", "STARTED")
        self.act(client, ticket_id, "setPriority", "PRIORITY_SET", priority="HIGH")
        then = draw.choice(["PENDING", "RESOLVED", "CLOSED"])
        self.act(client, ticket_id, "reply", "REPLIED", text="Uma vez só.", thenStatus=then)

    def act(self, client: httpx.Client, ticket_id: str, verb: str, kind: str, **body: Any) -> None:
        """With one key until it is answered, as a page does that lost its line. Refusals are no promises."""
        key = uuid4().hex
        for _ in range(100):
            if self.abandoned.is_set():
                break
            try:
                answer = client.post(f"/tickets/{ticket_id}:{verb}", json=body, headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                time.sleep(0.2)
                continue
            if answer.status_code // 100 == 2:
                self.done.append(Done(ticket_id, int(answer.json()["etag"]), kind))
                return
            if answer.status_code < 500 and answer.status_code != 429:
                raise Refused(answer.text)
            time.sleep(0.2)
        raise Refused("nobody answered")


class Refused(Exception):
    pass


def codes_of(error: Exception) -> list[int]:
    if isinstance(error, smtplib.SMTPResponseException):
        return [error.smtp_code]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return []


def kept(flood: Flood, seconds: float = 120, grace: float = 0) -> None:
    """Everything that was promised is there, once; and the checker finds nothing."""
    house = flood.house
    assert not flood.errors, flood.errors
    eventually(house.system.answers, seconds=90)
    assert_in_order(house.data, seconds, grace)
    every_mail_is_there(flood)
    every_verb_is_in_the_history(flood)
    no_reply_came_twice(house.customers)


def query(house: House, owner: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    settings = json.loads((house.data / SETTINGS_FILE).read_text())
    url = settings[f"GUICHE_{owner.upper()}_DATABASE_URL"].replace("+psycopg", "", 1)
    with psycopg.connect(url) as connection:
        return connection.execute(statement, values).fetchall()


def every_mail_is_there(flood: Flood) -> None:
    ids = [*flood.accepted, *flood.hostile]
    rows = query(
        flood.house,
        "mail",
        "SELECT message_id, count(*), min(state), count(messages.ticket_id) FROM raw_mails "
        "LEFT JOIN messages ON raw_mail_id = raw_mails.id WHERE message_id = ANY(%s) GROUP BY message_id",
        ids,
    )
    found = {row[0]: row[1:] for row in rows}
    assert found.keys() == set(ids), "each mail that was answered 250 is there"
    assert {row[0] for row in found.values()} <= {1}, "and once"
    lost = {id: found[id] for id in flood.accepted if found[id][1:] != ("INGESTED", 1)}
    assert not lost, f"and stands on a ticket: {lost}"


def every_verb_is_in_the_history(flood: Flood) -> None:
    ids = list({done.ticket_id for done in flood.done})
    rows = query(
        flood.house,
        "ticket",
        "SELECT ticket_id::text, version, kind FROM interactions WHERE ticket_id = ANY(%s::uuid[])",
        ids,
    )
    told = {Done(*row) for row in rows}
    assert set(flood.done) <= told, "what was answered 2xx is in the history"
    assert len(set(flood.done)) == len(flood.done)


def no_reply_came_twice(customers: Correspondent) -> None:
    with customers.lock:
        ids = [str(one.mail["Message-ID"]) for one in customers.received if not one.is_acknowledgement]
    assert len(ids) == len(set(ids)), "a customer gets each answer once"


def poisoned(house: House) -> None:
    """What nobody can handle is found by the checker, by name; then somebody clears it away, as the runbook says."""
    given = poison(house)
    settings = read_settings(house.data)

    def named() -> set[str]:
        wanted = ("No event was given up", "No message is dead")
        found = checked(settings, grace=0, settle=0, only=lambda promise: promise.words in wanted)
        return {finding.what for result in found for finding in result.findings}

    eventually(lambda: set(given) <= named(), seconds=120)
    query(house, "ticket", "DELETE FROM inbox WHERE failed_at IS NOT NULL AND id::text = ANY(%s) RETURNING id", given)
    with pika.BlockingConnection(pika.URLParameters(house.broker.url)) as connection:
        dead = connection.channel().queue_purge(DEAD).method.message_count
    assert dead == 1, "of all that was sent only what is no event is dead"


def poison(house: House) -> list[str]:
    """No event at all, an event nobody knows, and one that is garbage; by what must be found of each."""
    headers = {"ce-specversion": "1.0", "ce-source": "test", "ce-time": "2026-01-01T00:00:00Z", "ce-partitionkey": "x"}
    unknown, garbage = str(uuid4()), str(uuid4())
    with pika.BlockingConnection(pika.URLParameters(house.broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", queue_of("ticket"), b"no event")
        for id, kind in ((unknown, "guiche.nobody.v1.Knows"), (garbage, "guiche.routing.v1.AttendantChanged")):
            own = headers | {"ce-id": id, "ce-type": kind}
            said = pika.BasicProperties(headers=own, content_type=CONTENT_TYPE, delivery_mode=2)
            channel.basic_publish("", queue_of("ticket"), b"\xff\xff garbage", said)
    return [DEAD, unknown, garbage]
