"""TCP from here to there: also where the way is slow or silent, is cut, or leads to another place each time."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

CHUNK = 64 * 1024
# Linux: an address that this machine does not have yet.
IP_FREEBIND = 15
CONNECT_SECONDS = 5
Address = tuple[str, int]
# On, with no time for what was not sent: closing is then a reset (socket(7), SO_LINGER).
RESETTING = struct.pack("ii", 1, 0)


def always(port: int) -> Callable[[], Address]:
    return lambda: ("127.0.0.1", port)


class Proxy:
    """In a thread of its own. here: the address it listens on, with a free port; choose: where a connection leads to.

    delay: seconds that each piece waits, in both directions. refusing: new connections are closed at once.
    flowing: of connections by number, those of which neither end has closed or was reset.
    passed, delayed, held: how many pieces passed, waited for the delay, and came while it was silent.
    """

    def __init__(self, choose: Callable[[], Address], here: str = "127.0.0.1") -> None:
        self.choose = choose
        self.delay, self.refusing = 0.0, False
        self.opened = self.passed = self.delayed = self.held = 0
        self.flowing: set[int] = set()
        self.transports: set[asyncio.WriteTransport] = set()
        self.loop = asyncio.new_event_loop()
        self.speaking = asyncio.Event()
        self.speaking.set()
        listener = socket.socket()
        listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        listener.bind((here, 0))
        self.port = int(listener.getsockname()[1])
        self.thread = threading.Thread(target=self.loop.run_forever, name="proxy", daemon=True)
        self.thread.start()
        # Not by this thread's own loop: it may have one that runs already, a browser's for one.
        serving = asyncio.start_server(self.serve, sock=listener, backlog=512)
        self.server = asyncio.run_coroutine_threadsafe(serving, self.loop).result(10)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near = writer.transport
        self.transports.add(near)
        try:
            await self.speaking.wait()
            if not (self.refusing or near.is_closing()):
                await self.carry(reader, writer)
        except OSError:
            # Nobody is there, or one end was reset, which the other hears too, as soon as anything is told.
            await self.speaking.wait()
        finally:
            self.transports.discard(near)
            near.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            far_reader, far_writer = await asyncio.open_connection(*self.choose())
        far = far_writer.transport
        self.opened += 1
        number = self.opened
        self.flowing.add(number)
        self.transports.add(far)
        try:
            await asyncio.gather(self.pump(number, reader, far_writer), self.pump(number, far_reader, writer))
        except OSError:
            await self.speaking.wait()
        finally:
            self.transports.discard(far)
            far.abort()

    async def pump(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until this direction ends; then the other side hears that it has, and may still answer."""
        try:
            while piece := await reader.read(CHUNK):
                if not self.speaking.is_set():
                    self.held += 1
                    await self.speaking.wait()
                if self.delay:
                    self.delayed += 1
                    await asyncio.sleep(self.delay)
                self.passed += 1
                writer.write(piece)
                await writer.drain()
        finally:
            self.flowing.discard(number)
        await self.speaking.wait()
        writer.write_eof()

    def cut(self) -> int:
        """Resets all that are open, on both sides, as a machine on the way does that has forgotten them. How many."""
        return asyncio.run_coroutine_threadsafe(self.reset(), self.loop).result(10)

    async def reset(self) -> int:
        flowing = len(self.flowing)
        for transport in list(self.transports):
            # One whose other end has closed while nothing was told of it has no socket any more.
            with suppress(OSError):
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
            transport.abort()
        return flowing

    def fall_silent(self) -> None:
        """Nothing passes any more, also no end and no reset: neither side is told. New connections get no answer."""
        asyncio.run_coroutine_threadsafe(self.set_speaking(False), self.loop).result(10)

    def speak(self) -> None:
        """What was held back passes, late, unless it was cut before."""
        asyncio.run_coroutine_threadsafe(self.set_speaking(True), self.loop).result(10)

    async def set_speaking(self, speaking: bool) -> None:
        self.speaking.set() if speaking else self.speaking.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    async def close(self) -> None:
        self.server.close()
        self.speaking.set()
        for transport in list(self.transports):
            transport.abort()
        # Each ends with its transports.
        if ours := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(ours, timeout=5)
