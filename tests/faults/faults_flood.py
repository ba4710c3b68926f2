"""Customers and attendants who go on whatever happens, and remember what they were promised."""

import random
import smtplib
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
from e2e_support import PASSWORD, letter
from faults_house import House

from servicekit.testing import eventually

# So long at most until somebody takes a mail, or answers an attendant.
PATIENCE_SECONDS = 300
# And for one answer.
ANSWER_SECONDS = 20
HARD_OF_HEARING = 0.3
# What each reply begins with; a word of its own follows, by which it is known to whomever it reaches.
ONCE = "Uma vez só:"

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


class Act(NamedTuple):
    """One thing an attendant does to a ticket, by the kind it has in the history."""

    ticket_id: str
    kind: str


class Done(NamedTuple):
    """A verb that was answered 2xx: the version of the ticket it led to."""

    act: Act
    version: int


class Flood:
    """Customers write, some hostile, some again to what they have written before; attendants treat what comes."""

    def __init__(self, house: House, customers: int = 2, attendants: tuple[str, ...] = ("ana", "fabio")) -> None:
        self.house, self.mark = house, f"Enchente {uuid4().hex[:8]}"
        self.stopping, self.abandoned = threading.Event(), threading.Event()
        # Message-IDs that were answered 250, hostile ones apart, each with the one it answers; empty where with none.
        self.accepted: dict[str, str] = {}
        self.hostile: set[str] = set()
        self.tried: set[Act] = set()
        self.done: list[Done] = []
        # By 4xx, which says that nothing was done.
        self.refused: set[Act] = set()
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

    def grows(self, mails: int = 10, seconds: float = PATIENCE_SECONDS) -> None:
        """Goes on until so many more were accepted and somebody has replied anew, on a busy machine too."""
        wanted, replies = len(self.accepted) + mails, self.replies()
        eventually(lambda: (len(self.accepted) >= wanted and self.replies() > replies) or self.errors, seconds)
        assert not self.errors, self.errors

    def replies(self) -> int:
        return sum(done.act.kind == "REPLIED" for done in list(self.done))

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
            before = [known for known, answered in list(self.accepted.items()) if not answered]
            answers = draw.choice(before) if before and draw.random() < 0.3 else ""
            # Each has an address of their own: one who writes without end is not acknowledged.
            mail = letter(f"{self.mark} {message_id[:8]}", sender=f"C <c{uuid4().hex[:12]}@exemplo.com>")
            mail.replace_header("Message-ID", f"<{message_id}>")
            if answers:
                mail["In-Reply-To"] = f"<{answers}>"
            self.until_accepted(mail.as_bytes())
            self.accepted[message_id] = answers

    def until_accepted(self, raw: bytes) -> None:
        """As every sending server does: the same mail again, until somebody says 250."""
        deadline = time.monotonic() + PATIENCE_SECONDS
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
        client = httpx.Client(base_url=f"{self.house.system.base}/api/v1", timeout=ANSWER_SECONDS)
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
        self.act(client, Act(ticket_id, "STARTED"), "start")
        self.act(client, Act(ticket_id, "PRIORITY_SET"), "setPriority", priority="HIGH")
        then = draw.choice(["PENDING", "RESOLVED", "CLOSED"])
        self.act(client, Act(ticket_id, "REPLIED"), "reply", text=f"{ONCE} {uuid4().hex}", thenStatus=then)

    def act(self, client: httpx.Client, act: Act, verb: str, **body: Any) -> None:
        """With one key until it is answered, as a page does that lost its line. Refusals are no promises."""
        self.tried.add(act)
        key, deadline = uuid4().hex, time.monotonic() + PATIENCE_SECONDS
        # Some hear no answer to what was done, or is just being done, and ask again.
        timeout = random.uniform(0.005, 0.1) if random.random() < HARD_OF_HEARING else ANSWER_SECONDS
        while not self.abandoned.is_set():
            assert time.monotonic() < deadline, "somebody answers in the end"
            url, headers = f"/tickets/{act.ticket_id}:{verb}", {"Idempotency-Key": key}
            try:
                answer = client.post(url, json=body, headers=headers, timeout=timeout)
            except httpx.HTTPError:
                timeout = ANSWER_SECONDS
                time.sleep(0.2)
                continue
            if answer.is_success:
                self.done.append(Done(act, int(answer.json()["etag"])))
                return
            if answer.is_client_error and answer.status_code != 429:
                # Who is not signed in any more is not told whether it was done before.
                if answer.status_code != 401:
                    self.refused.add(act)
                raise Refused(answer.text)
            time.sleep(0.2)
        raise Refused("nobody waits for an answer any more")


class Refused(Exception):
    pass


def codes_of(error: Exception) -> list[int]:
    if isinstance(error, smtplib.SMTPResponseException):
        return [error.smtp_code]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return []
