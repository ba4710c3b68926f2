"""A TCP proxy that can be slow, cut what is open, and refuse what is new."""

import asyncio
import threading
from contextlib import suppress

CHUNK = 64 * 1024


class Proxy:
    """In a thread of its own. delay: seconds that each piece waits, in both directions; refusing: new connections end."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.delay, self.refusing = 0.0, False
        self.loop = asyncio.new_event_loop()
        self.open: set[asyncio.Transport | asyncio.WriteTransport] = set()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=512))
        self.port = int(self.server.sockets[0].getsockname()[1])
        self.thread = threading.Thread(target=self.loop.run_forever, name="proxy", daemon=True)
        self.thread.start()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer.transport, far_writer.transport}
        self.open |= pair
        try:
            await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer))
        finally:
            self.open -= pair
            for transport in pair:
                transport.abort()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(piece)
                await writer.drain()
        # One side's end is the other's: nobody here speaks on after it.
        writer.transport.abort() if writer.transport.is_closing() else writer.close()

    def cut(self) -> None:
        """All that are open, without a word to either side."""
        self.loop.call_soon_threadsafe(lambda: [transport.abort() for transport in list(self.open)])

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    async def close(self) -> None:
        self.server.close()
        for transport in list(self.open):
            transport.abort()
        ours = asyncio.all_tasks() - {asyncio.current_task()}
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)
