"""Hints by Celery: on RabbitMQ, and within one process."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scene import running

from servicekit.tasks import add_task, celery_worker, hint, make_celery
from servicekit.testing import eventually


def test_a_hint_within_one_process_is_executed_soon() -> None:
    worked = threading.Event()
    app = make_celery("sample", "", "sample.memory")
    add_task(app, "sample.memory", worked.set)
    with running([celery_worker(app, 1)]):
        hint(app, "sample.memory")
        assert worked.wait(10)


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
