"""A Celery worker as a process of its own, to be killed: worker_process.py AMQP_URL FOLDER. Writes what it does."""

import os
import sys
import threading
import time
from pathlib import Path

from servicekit.tasks import add_task, celery_worker, make_celery

url, folder = sys.argv[1], Path(sys.argv[2])


def work() -> None:
    (folder / f"began-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    (folder / f"ended-{os.getpid()}").touch()


app = make_celery("sample", url, "sample.work")
add_task(app, "sample.work", work)
celery_worker(app, 2)(threading.Event())
