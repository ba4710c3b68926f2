"""The two servers the gateway runs under: granian in a process of its own, uvicorn beside other services."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import uvicorn
from granian import Granian
from granian.constants import HTTPModes, Interfaces

from gateway.config import Settings
from gateway.edge import Edge
from gateway.main import App, build
from servicekit import telemetry, watch

# Seconds that requests under way have when the process ends.
GRACE = 10
# Push connections count as requests that are being worked on.
MAX_CONNECTIONS = 20_000


def serve_granian() -> None:
    """Until a signal. One worker: a process has one hub, one port for its metrics, and is multiplied from outside."""
    settings = Settings()
    Granian(
        "gateway.serving:application",
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


def application() -> Edge:
    """Called by granian in the process that serves."""
    settings = Settings()
    telemetry.start("gateway", settings.otlp_endpoint, settings.log_level)
    return build(settings, beside=[watching(settings)]).asgi


def uvicorn_server(app: App, host: str, port: int) -> uvicorn.Server:
    """For the caller to run. Call app.hub.drain() before it is told to exit, so that streams end at once."""
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
