"""The protocol: aiosmtpd's, with limits, answers (RFC 3463) and a DATA of our own."""

import asyncio
import re
from typing import Any, Protocol

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, TLSSetupException, syntax

from mail.metrics import ANSWERS, CONNECTIONS, HELD_BYTES

# Bytes of the stream's buffer: a mail is read in pieces of this size. Commands are limited to 512 by aiosmtpd.
PIECE = 128 * 1024
END = b"\r\n.\r\n"
# What stands around a mail, as Content counts it: the line break before it, and CRLF after the last dot.
FRAME = 4
SIZE = re.compile(r"\sSIZE=(\d{1,20})(?:\s|$)", re.IGNORECASE)

TOO_BIG = "552 5.3.4 The mail is larger than this server accepts"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients; send the mail to the others in a transaction of its own"
UNKNOWN = "550 5.1.1 No such mailbox here"
TROUBLE = "451 4.3.0 The mail could not be stored; try again later"
BUSY = "421 4.3.2 Too busy; try again later"
LEAVING = "421 4.3.2 This server ends; try again at once"
ACCEPTED = "250 2.0.0 Accepted"


class Room:
    """How much is in memory and how many are connected. Used on the event loop alone."""

    def __init__(self, max_connections: int, max_held: int) -> None:
        self.max_connections, self.max_held = max_connections, max_held
        self.connections = self.held = 0
        self.receivers: set[Receiver] = set()

    def connected(self, change: int) -> None:
        self.connections += change
        CONNECTIONS.set(self.connections)

    def hold(self, size: int) -> None:
        self.held += size
        HELD_BYTES.set(self.held)


class Intake(Protocol):
    """What becomes of recipients and mails; see receiver.intake."""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str: ...

    async def take(self, envelope: Any, content: bytes) -> str: ...


class Receiver(SMTP):
    """One connection."""

    # The limit of aiosmtpd's stream; longer lines of a mail pass, since DATA here does not read by lines.
    line_length_limit = PIECE

    def __init__(self, intake: Intake, room: Room, max_size: int, data_seconds: float, **options: Any) -> None:
        super().__init__(
            intake,
            data_size_limit=max_size,
            enable_SMTPUTF8=True,
            ident="Guiche",
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            **options,
        )
        self.intake, self.room = intake, room
        self.max_size, self.data_seconds = max_size, data_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._original_transport is None:
            self.room.connected(+1)
            self.room.receivers.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        # After STARTTLS the outer and the inner transport each tell of the one loss.
        if self.transport is not None:
            self.room.connected(-1)
            self.room.receivers.discard(self)
        super().connection_lost(error)

    def leave_between_mails(self) -> None:
        """Tells a client that is not within a transaction to go elsewhere (RFC 5321, 3.8); else does nothing."""
        under_way = self.envelope is not None and self.envelope.mail_from is not None
        if isinstance(self.transport, asyncio.WriteTransport) and not under_way and not self.transport.is_closing():
            ANSWERS.labels("CONNECT", "421").inc()
            self.transport.write(f"{LEAVING}\r\n".encode())
            self.transport.close()

    @syntax("STARTTLS")
    async def smtp_STARTTLS(self, arg: str) -> None:
        assert self.session is not None
        if self.session.ssl is not None:
            await self.push("503 5.5.1 The connection is encrypted already")
            return
        await super().smtp_STARTTLS(arg)
        if self._tls_protocol is not None and self.session.ssl is None:
            # Who falls silent within the handshake is cut off, of which asyncio tells nobody: the connection would
            # stand as open for ever.
            raise TLSSetupException

    @syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:
        announced = SIZE.search(arg or "")
        if announced and int(announced[1]) > self.max_size:
            ANSWERS.labels("MAIL", "552").inc()
            await self.push(TOO_BIG)
            return
        await super().smtp_MAIL(arg)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        """Reads large pieces instead of lines: 25 MiB of lines cost aiosmtpd's loop more than a second."""
        assert self.envelope is not None
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        if arg or not self.envelope.rcpt_tos:
            await self.push("501 Syntax: DATA" if arg else "503 Error: need RCPT command")
            return
        if self.room.held >= self.room.max_held:
            await self.refuse_and_close()
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self._reset_timeout(self.data_seconds)
        content = Content(self.room, self.max_size)
        try:
            if not await content.read(self._reader):
                await self.refuse_and_close()
                return
            await self.answer(await self.verdict(content))
        finally:
            content.release()
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        self._reset_timeout()

    async def verdict(self, content: "Content") -> str:
        if content.size > self.max_size:
            return TOO_BIG
        # The answer may take as long as the disk needs; this is not the client's idleness.
        self._reset_timeout(self.data_seconds)
        return await self.intake.take(self.envelope, content.joined())

    async def answer(self, status: str) -> None:
        ANSWERS.labels("DATA", status[:3]).inc()
        await self.push(status)

    async def refuse_and_close(self) -> None:
        ANSWERS.labels("DATA", "421").inc()
        await self.push(BUSY)
        if self.transport is not None:
            self.transport.close()


class LmtpReceiver(LMTP, Receiver):
    async def answer(self, status: str) -> None:
        """RFC 2033: one answer for each recipient. All share one transaction, hence one fate."""
        assert self.envelope is not None
        for _ in self.envelope.rcpt_tos:
            await super().answer(status)


class Content:
    """A mail as it comes in: pieces, as long as there is room for them."""

    def __init__(self, room: Room, max_size: int) -> None:
        self.room, self.max_size = room, max_size
        self.pieces: list[bytes] = []
        self.size = self.held = 0

    async def read(self, reader: asyncio.StreamReader) -> bool:
        """Up to the end of the mail; False, and the rest unread, where there is no room."""
        # The line break before the mail belongs to DATA; put back, it makes the end of an empty mail like any other.
        reader._buffer[:0] = b"\r\n"  # type: ignore[attr-defined]
        while True:
            try:
                piece, last = await reader.readuntil(END), True
            except asyncio.LimitOverrunError as error:
                piece, last = await reader.read(error.consumed), False
            # The size of a mail does not count the dots that are added on the way (RFC 1870, 3).
            self.size += len(piece) - piece.count(b"\r\n.")
            if self.size > self.max_size + FRAME:
                # Read to the end all the same, since only there may the client be answered (RFC 5321, 4.2.5).
                self.release()
            elif self.room.held + len(piece) > self.room.max_held:
                return False
            else:
                self.hold(piece)
            if last:
                self.size -= FRAME
                return True

    def hold(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.held += len(piece)
        self.room.hold(len(piece))

    def release(self) -> None:
        self.pieces.clear()
        self.room.hold(-self.held)
        self.held = 0

    def joined(self) -> bytes:
        """The mail without the dots that SMTP adds (RFC 5321, 4.5.2). Only CRLF makes lines: none can be smuggled."""
        self.pieces[-1] = self.pieces[-1].removesuffix(b".\r\n")
        first = self.pieces[0]
        self.pieces[0] = first.removeprefix(b"\r\n.") if first.startswith(b"\r\n.") else first.removeprefix(b"\r\n")
        content = b"".join(self.pieces)
        self.pieces.clear()
        return content.replace(b"\r\n.", b"\r\n")
