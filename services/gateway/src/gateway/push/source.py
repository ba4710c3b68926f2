"""Where the pushed events come from, where services are processes of their own: the broker."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from gateway.push.changes import READERS
from gateway.push.hub import Hub
from servicekit.events.rabbitmq import subscribe


def subscribed(rabbitmq_url: str, hub: Hub) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Feeds the hub from a queue of this process alone: every gateway must hear of every event."""

    @asynccontextmanager
    async def run() -> AsyncIterator[None]:
        stop = threading.Event()
        arguments = (rabbitmq_url, sorted(READERS), hub.publish, stop, hub.gap)
        thread = threading.Thread(target=subscribe, args=arguments, name="push-source", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            await asyncio.to_thread(thread.join)

    return run
