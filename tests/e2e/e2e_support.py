"""Hands and eyes of the end-to-end tests."""

import gzip
import json
import os
import signal
import smtplib
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from playwright.sync_api import Page

from localservers.processes import dying_with_guard
from servicekit.testing import eventually

PASSWORD = "guiche"


@dataclass(frozen=True)
class System:
    """A running Guichê. told: what its supervisor wrote into up.json."""

    data: Path
    told: dict[str, Any]

    @property
    def base(self) -> str:
        return f"http://localhost:{self.told['port']}"

    @contextmanager
    def client(self, username: str) -> Iterator[httpx.Client]:
        """Signed in, by bearer token."""
        with httpx.Client(base_url=f"{self.base}/api/v1", timeout=20) as client:
            answer = client.post("/auth:login", json={"username": username, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
            yield client

    def send(
        self, mail: EmailMessage | bytes, to: str = "atendimento@demo.guiche", sender: str = "cliente@exemplo.com"
    ) -> None:
        raw = mail if isinstance(mail, bytes) else mail.as_bytes()
        with smtplib.SMTP("127.0.0.1", self.told["smtpPort"], timeout=60) as smtp:
            smtp.sendmail(sender, [to], raw)

    def answers(self) -> bool:
        """Whether all processes are there again."""
        ports = [process["watch"] for process in self.told["processes"].values()]
        try:
            ready = all(httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200 for port in ports)
            return ready and httpx.get(f"{self.base}/livez").status_code == 200
        except httpx.HTTPError:
            return False

    def pids(self, name: str) -> list[int]:
        """The process as it is now, its main one first: the supervisor starts one anew that was killed."""
        found = [
            int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self.is_mine(entry, name)
        ]
        return sorted(found)

    def environment(self) -> dict[str, str]:
        """What every process of it is given."""
        (pid, *_) = self.pids("mail-api")
        words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        return dict(word.split("=", 1) for word in words if "=" in word)

    def is_mine(self, process: Path, name: str) -> bool:
        service, _, kind = name.partition("-")
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            environ = (process / "environ").read_bytes()
        except OSError:
            return False
        wanted = [b"-m", service.encode(), *([kind.encode()] if kind else [])]
        return words[1 : 1 + len(wanted)] == wanted and f"GUICHE_DATA={self.data}".encode() in environ.split(b"\0")


@contextmanager
def serving(data: Path, environment: Mapping[str, str], seconds: float = 120) -> Iterator[System]:
    """Each service in processes of its own, as `make up` runs it; seconds: until all are ready."""
    log, file = data / "up.log", data / "up.json"
    with log.open("wb") as output:
        # It ends also when this process is killed; and in a group of its own, so that nothing is left of it should it
        # not end by itself.
        command = [*dying_with_guard(signal.SIGTERM), sys.executable, "-m", "all_in_one", "serve"]
        supervisor = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)

    def told() -> dict[str, Any] | None:
        assert supervisor.poll() is None, log.read_text()[-4000:]
        return json.loads(file.read_text()) if file.exists() else None

    try:
        yield System(data, eventually(told, seconds))
    finally:
        supervisor.send_signal(signal.SIGTERM)
        try:
            supervisor.wait(timeout=90)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(supervisor.pid, signal.SIGKILL)
            supervisor.wait()


def letter(
    subject: str, text: str = "Olá, preciso de ajuda.", sender: str = "Maria Cliente <maria@exemplo.com>"
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = "atendimento@demo.guiche"
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{uuid4()}@exemplo.com>"
    mail["Date"] = "Mon, 09 Mar 2026 12:00:00 -0300"
    mail.set_content(text)
    return mail


def all_tickets(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        answer = client.get("/tickets", params={"pageSize": "100", "pageToken": token, **query})
        assert answer.status_code == 200, answer.text
        found.extend(answer.json()["tickets"])
        token = answer.json()["nextPageToken"]
        if not token:
            return found


def about(client: httpx.Client, subject: str) -> list[dict[str, Any]]:
    return [ticket for ticket in all_tickets(client) if ticket["subject"] == subject]


def arrives(client: httpx.Client, subject: str, seconds: float = 20) -> dict[str, Any]:
    return eventually(lambda: about(client, subject), seconds)[0]


class Customers(threading.Thread):
    """Write mail after mail, each until it is accepted, as any sending server does."""

    def __init__(self, system: System, mark: str, count: int) -> None:
        super().__init__(daemon=True)  # a test that fails must not wait for mails that nobody takes any more
        self.system, self.mark, self.count = system, mark, count
        self.accepted: list[str] = []
        self.refusal = "none"

    def run(self) -> None:
        for number in range(self.count):
            subject = f"{self.mark} {number}"
            mail = letter(subject).as_bytes()
            while subject not in self.accepted:
                try:
                    self.system.send(mail)
                    self.accepted.append(subject)
                except (OSError, smtplib.SMTPException) as refusal:
                    self.refusal = repr(refusal)
                    threading.Event().wait(0.05)


def tickets_of(system: System, mark: str) -> Counter[str]:
    """How many tickets each subject of a mark has; none while the gateway or a service is still on its way back."""
    try:
        with system.client("ana") as ana:
            return Counter(row["subject"] for row in all_tickets(ana) if row["subject"].startswith(mark))
    except (httpx.HTTPError, AssertionError):
        return Counter()


class Browser:
    """One person's browser windows, each signed in as somebody, with a clean profile."""

    def __init__(self, chromium: Any, system: System) -> None:
        self.chromium = chromium
        self.system = system
        self.contexts: list[Any] = []
        self.complaints: list[str] = []

    def page(self, username: str, width: int = 1440, height: int = 900) -> Page:
        context = self.chromium.new_context(viewport={"width": width, "height": height}, locale="pt-BR")
        self.contexts.append(context)
        page: Page = context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.system.base)
        page.get_by_test_id("sign-in-name").fill(username)
        page.get_by_test_id("sign-in-password").fill(PASSWORD)
        page.get_by_test_id("sign-in-submit").click()
        page.get_by_test_id("sign-in-submit").wait_for(state="detached")
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()


class Collector:
    """Receives traces as any OTLP collector does."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.address = f"http://127.0.0.1:{self.server.server_port}/v1/traces"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            for scope in resource.scope_spans:
                self.spans.extend((span.trace_id.hex(), f"{service}: {span.name}") for span in scope.spans)

    def names_of(self, trace_id: str) -> set[str]:
        return {name for found, name in list(self.spans) if found == trace_id}

    def traces_with(self, *parts: str) -> Iterable[str]:
        return [
            trace
            for trace in {t for t, _ in list(self.spans)}
            if all(any(p in n for n in self.names_of(trace)) for p in parts)
        ]

    def __enter__(self) -> "Collector":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
