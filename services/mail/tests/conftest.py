"""A real receiver, a real database, real files."""

import os
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from mail_support import MAILBOX, add_account
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from process_support import Process
from sqlalchemy import Row, Table, select

from mail.config import MailSettings
from mail.domain import Account
from mail.files import Files
from mail.receiver.intake import Intake
from mail.receiver.server import receiver
from servicekit.database import Database
from servicekit.testing import MakeDatabase

Receiving = Callable[..., "SimpleNamespace"]


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database("mail")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files((tmp_path / "files").as_uri())


@pytest.fixture
def settings(database: Database, keys_folder: Path, tmp_path: Path) -> Callable[..., MailSettings]:
    def make(**changes: object) -> MailSettings:
        values: dict[str, object] = {
            "keys": keys_folder,
            "mail_database_url": database.url,
            "mail_files_url": (tmp_path / "files").as_uri(),
            "smtp_port": 0,
            "smtp_name": "mx.demo.guiche",
            "smtp_max_size": 25 * 1024 * 1024,
        }
        return MailSettings.model_validate(values | changes)

    return make


@pytest.fixture
def organization() -> UUID:
    return uuid4()


@pytest.fixture
def account(database: Database, organization: UUID) -> Account:
    return add_account(database, organization, MAILBOX)


@pytest.fixture
def receiving(database: Database, files: Files, settings: Callable[..., MailSettings]) -> Iterator[Receiving]:
    """`receiving(**settings)` starts a receiver; it has `port`, `hints`, `intake`, `connect()`, `send(raw, …)` and `stop`."""
    running: list[tuple[threading.Event, threading.Thread]] = []

    def start(**changes: object) -> SimpleNamespace:
        chosen, hints, ready, port = settings(**changes), [], threading.Event(), []
        intake = Intake(database, files, chosen.smtp_max_recipients, lambda: hints.append(1))
        stop = threading.Event()
        loop = receiver(chosen, intake, lambda number: (port.append(number), ready.set()))
        thread = threading.Thread(target=loop, args=(stop,))
        thread.start()
        running.append((stop, thread))
        assert ready.wait(10)
        kind = smtplib.LMTP if chosen.smtp_lmtp else smtplib.SMTP

        @contextmanager
        def connect() -> Iterator[smtplib.SMTP]:
            with kind("127.0.0.1", port[0], timeout=20) as client:
                yield client

        def send(raw: bytes, to: str | list[str] = MAILBOX, sender: str = "ana@example.com") -> object:
            with connect() as client:
                return client.sendmail(sender, to, raw)

        return SimpleNamespace(port=port[0], hints=hints, intake=intake, connect=connect, send=send, stop=stop)

    yield start
    for stop, thread in running:
        stop.set()
        thread.join(10)


@pytest.fixture
def rows(database: Database) -> Callable[[Table], list[Row]]:
    def read(table: Table) -> list[Row]:
        with database.transaction() as connection:
            return list(connection.execute(select(table)))

    return read


@pytest.fixture
def traced() -> Iterator[Callable[[], Sequence[ReadableSpan]]]:
    """The spans that ended in this test. The provider of a process can be set once only, so one serves all tests."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())
    provider, exporter = trace.get_tracer_provider(), InMemorySpanExporter()
    assert isinstance(provider, TracerProvider)
    processor = SimpleSpanProcessor(exporter)
    provider.add_span_processor(processor)
    yield exporter.get_finished_spans
    processor.shutdown()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def environment(database, keys_folder, tmp_path, amqp_url) -> dict[str, str]:
    return {
        **os.environ,
        "GUICHE_KEYS": str(keys_folder),
        "GUICHE_RABBITMQ_URL": amqp_url,
        "GUICHE_MAIL_DATABASE_URL": database.url,
        "GUICHE_MAIL_FILES_URL": (tmp_path / "files").as_uri(),
        "GUICHE_SMTP_PORT": "0",
        "GUICHE_LISTEN": "127.0.0.1:0",
    }


@pytest.fixture
def start(environment, tmp_path) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def begin(name: str, **changes: str) -> Process:
        running.append(Process(name, environment | changes, tmp_path / f"{name}-{len(running)}.log"))
        return running[-1]

    yield begin
    for process in running:
        process.popen.kill()
        process.popen.wait(10)
