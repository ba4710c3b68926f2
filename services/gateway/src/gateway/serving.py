"""The two servers the gateway runs under: granian in a process of its own, uvicorn beside other services."""

import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import uvicorn
from granian.constants import HTTPModes, Interfaces
from granian.server import MPServer

from gateway.config import Settings
from gateway.edge import Edge
from gateway.main import App, build
from gateway.pages import View
from servicekit import telemetry, watch
from servicekit.config import read

# Seconds that requests under way have when the process ends.
GRACE = 10
# Seconds in which answers close their connections, before the first one is closed without an answer.
FAREWELL = 2
# How often a worker looks whether its main process is still there.
PARENT_SECONDS = 0.5
# Push connections count as requests that are being worked on.
MAX_CONNECTIONS = 20_000


# By which the main process tells its worker that both are about to end.
DRAIN = signal.SIGUSR1


class Server(MPServer):
    """Streams last as long as their clients want, so that granian would wait for them in vain and kill its worker."""

    def signal_handler_interrupt(self, *arguments: Any, **named: Any) -> None:
        for worker in self.wrks:
            # One that has just died of itself is none to tell.
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, DRAIN)
        # Balancers have been told before that this replica goes; who has kept a connection hears it now, by an answer.
        time.sleep(FAREWELL)
        super().signal_handler_interrupt(*arguments, **named)  # type: ignore[no-untyped-call]  # it has no annotations


def serve_granian(target: str = "gateway.serving:application") -> None:
    """Until a signal. One worker: a process has one hub, one port for its metrics, and is multiplied from outside."""
    settings = read(Settings)
    Server(
        target,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        # HTTP/2 ends at the proxy: it would split the cookie header in a way WSGI joins wrongly.
        http=HTTPModes.http1,
        backpressure=MAX_CONNECTIONS,
        workers_kill_timeout=GRACE,
        websockets=False,
    ).serve()


def application(extra: Mapping[str, View] | None = None) -> Edge:
    """Called by granian in the process that serves. extra: as of gateway.main.build."""
    settings = read(Settings)
    telemetry.start("gateway", settings.otlp_endpoint, settings.log_level)
    threading.Thread(target=end_with, args=(os.getppid(),), name="end-with-parent", daemon=True).start()
    app = build(settings, extra, [watching(settings)])
    signal.signal(DRAIN, lambda *_: app.leave())
    return app.asgi


def end_with(parent: int) -> None:
    """Ends this process soon after granian's main process, which may be killed without a word.

    Left alone it would keep the port and answer beside its successor, with a hub that nobody looks after.
    """
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)


def uvicorn_server(app: App, host: str, port: int) -> uvicorn.Server:
    """For the caller to run. Call app.leave() before it is told to exit: streams would keep it waiting."""
    return uvicorn.Server(
        uvicorn.Config(
            app.asgi,
            host=host,
            port=port,
            # Whom to believe about the client's address is decided by our own setting.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=GRACE,
        )
    )


def watching(settings: Settings) -> Callable[[], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run() -> AsyncIterator[None]:
        # A gateway whose neighbours are away still has pages and clear errors to give: it is ready as long as it runs.
        with watch.serve(settings, lambda: True):
            yield

    return run
