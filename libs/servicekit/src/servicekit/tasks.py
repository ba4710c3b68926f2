"""Celery, for hints: a task says that there is work, and the work itself stands in the database.

So a task may be lost, doubled or late, and must be short. Timers are rows and a query, never a task with a countdown.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery, Task
from celery.concurrency.thread import TaskPool
from celery.worker import state
from kombu import Exchange, Queue
from opentelemetry.trace import SpanKind

from servicekit.process import Loop
from servicekit.telemetry import current_traceparent, span

EXCHANGE = "guiche.tasks"
# How long a worker that was told to stop may finish what it has begun; the broker gives the rest to others.
SOFT_SHUTDOWN_SECONDS = 10.0
# A broker that is short of memory or disk reads nothing more, and whoever waits for its confirm would wait for ever.
CONFIRM_SECONDS = 5.0
# kombu's memory transport looks for work once a second by default, which would be the latency of every mail.
MEMORY_POLLING_SECONDS = 0.02


def make_celery(name: str, broker_url: str, queue: str, queue_arguments: Mapping[str, Any] | None = None) -> Celery:
    """broker_url: of RabbitMQ; empty: within this process. queue_arguments: e.g. x-max-length, besides the quorum."""
    app = Celery(name, broker=broker_url or "memory://", set_as_current=False)
    arguments = {"x-queue-type": "quorum", **(queue_arguments or {})}
    app.conf.update(
        task_queues=[Queue(queue, Exchange(EXCHANGE, type="topic"), queue, queue_arguments=arguments)],
        task_default_queue=queue,
        task_default_queue_type="quorum",
        task_default_exchange=EXCHANGE,
        task_default_exchange_type="topic",
        task_default_routing_key=queue,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=SOFT_SHUTDOWN_SECONDS,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=2,
        broker_transport_options={
            "confirm_publish": True,
            "read_timeout": CONFIRM_SECONDS,
            "write_timeout": CONFIRM_SECONDS,
        }
        if broker_url
        else {"polling_interval": MEMORY_POLLING_SECONDS},
    )
    return app


def add_task(app: Celery, name: str, work: Callable[[], None]) -> None:
    """work: called for each hint, within a span that continues the trace of whoever hinted."""

    # shared, Celery's default, would add the task to all other apps of the process as well.
    @app.task(name=name, bind=True, shared=False)
    def run(task: Task[Any, Any]) -> None:
        traceparent = (task.request.headers or {}).get("traceparent", "")
        with span(name, traceparent, SpanKind.CONSUMER):
            work()


def hint(app: Celery, name: str) -> None:
    """Sends a task, without waiting for a broker that is away; then it raises what kombu raises."""
    app.send_task(name, retry=False, confirm_timeout=CONFIRM_SECONDS, headers={"traceparent": current_traceparent()})


class Threads(TaskPool):
    """Threads that look for the task in their worker's app; Celery's own look in the first app of the process."""

    def on_apply(
        self,
        target: Any,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        callback: Any = None,
        accept_callback: Any = None,
        **options: Any,
    ) -> Any:
        return super().on_apply(target, args, {**(kwargs or {}), "app": self.app}, callback, accept_callback, **options)


def celery_worker(app: Celery, threads: int) -> Loop:
    """The loop of a worker. All workers of a process stop together: a variable of Celery's module tells them to.

    Threads: what is heavy is done by children of the work itself, which worker processes could not share.
    """

    def run(stop: threading.Event) -> None:
        # Workers have nothing to tell each other; they would spend a second at the start on waiting for answers.
        worker = app.WorkController(
            pool=Threads, concurrency=threads, without_heartbeat=True, without_gossip=True, without_mingle=True
        )
        state.should_stop = None
        threading.Thread(target=stop_celery, args=(stop,), name="stop-celery", daemon=True).start()
        worker.start()

    return run


def stop_celery(stop: threading.Event) -> None:
    stop.wait()
    state.should_stop = 0  # type: ignore[assignment]  # Celery's own handler of SIGTERM does the same
