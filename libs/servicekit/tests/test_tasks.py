"""Hints by Celery: on RabbitMQ, and within one process."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from servicekit import tasks
from servicekit.tasks import add_task, celery_worker, hint, make_celery
from servicekit.testing import eventually


def test_each_worker_within_one_process_has_the_tasks_of_its_own_app() -> None:
    # One after the other, and for two queues at once: one task of each name must not stand for all of the process.
    for _ in range(2):
        works = {queue: threading.Event() for queue in ("sample.one", "sample.other")}
        apps = {queue: make_celery("sample", "", queue) for queue in works}
        with running(apps, works):
            for queue, worked in works.items():
                hint(apps[queue], queue)
                assert worked.wait(20), queue


def test_a_hint_whose_worker_is_killed_is_executed_by_the_next_one(amqp_url: str, tmp_path: Path) -> None:
    with worker(amqp_url, tmp_path):
        app = make_celery("sample", amqp_url, "sample.work")
        hint(app, "sample.work")
        eventually(lambda: list(tmp_path.glob("began-*")), 30)
    assert not list(tmp_path.glob("ended-*"))
    with worker(amqp_url, tmp_path):
        (tmp_path / "go").touch()
        eventually(lambda: list(tmp_path.glob("ended-*")), 30)
    app.close()
    assert len(list(tmp_path.glob("began-*"))) == 2


def test_a_hint_gives_up_on_a_broker_that_no_longer_answers(amqp_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CONFIRM_SECONDS", 0.5)
    outcomes: list[object] = []

    def attempt(app: Celery) -> None:
        try:
            hint(app, "sample.frozen")
            outcomes.append("sent")
        except Exception as error:
            outcomes.append(error)

    with freezable(amqp_url) as (url, frozen):
        app = make_celery("sample", url, "sample.frozen")
        attempt(app)
        frozen.set()
        thread = threading.Thread(target=attempt, args=(app,), daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        app.close()
    assert outcomes[0] == "sent"
    assert isinstance(outcomes[1], OperationalError)


@contextmanager
def running(apps: dict[str, Celery], works: dict[str, threading.Event]) -> Iterator[None]:
    """A worker for each app, within this process."""
    stop, workers = threading.Event(), []
    for queue, app in apps.items():
        add_task(app, queue, works[queue].set)
        workers.append(threading.Thread(target=celery_worker(app, 1), args=(stop,)))
        workers[-1].start()
    try:
        yield
    finally:
        stop.set()
        for thread in workers:
            thread.join(20)
    assert not any(thread.is_alive() for thread in workers)


@contextmanager
def freezable(amqp_url: str) -> Iterator[tuple[str, threading.Event]]:
    """A way to the broker on which nothing more comes through once it is frozen, though it stays open."""
    broker = urlsplit(amqp_url)
    frozen = threading.Event()
    ends: list[socket.socket] = []

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                if not frozen.is_set():
                    target.sendall(piece)

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                pair = listener.accept()[0], socket.create_connection((broker.hostname or "", broker.port or 0))
                ends.extend(pair)
                for source, target in (pair, pair[::-1]):
                    threading.Thread(target=copy, args=(source, target), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]
        yield broker._replace(netloc=f"{broker.username}:{broker.password}@127.0.0.1:{port}").geturl(), frozen
        listener.shutdown(socket.SHUT_RDWR)
    for end in ends:
        end.close()


@contextmanager
def worker(amqp_url: str, folder: Path) -> Iterator[None]:
    """A process that is killed at the end."""
    script = Path(__file__).with_name("worker_process.py")
    process = subprocess.Popen([sys.executable, str(script), amqp_url, str(folder)])
    try:
        yield
    finally:
        process.kill()
        process.wait()
