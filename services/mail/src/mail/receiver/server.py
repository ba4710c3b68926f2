"""Listening: connections counted, TLS where there is a certificate, ended together with the process."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable

from mail.config import MailSettings
from mail.metrics import ANSWERS
from mail.receiver.intake import Intake
from mail.receiver.smtp import BUSY, LmtpReceiver, Receiver, Room
from servicekit.process import Loop
from servicekit.telemetry import log

STOP_POLL_SECONDS = 0.2
# How long a mail that is on its way in when the process is told to stop may take to arrive.
GRACE_SECONDS = 10.0
LEAVE_POLL_SECONDS = 0.05


def receiver(settings: MailSettings, intake: Intake, listening: Callable[[int], None] = lambda port: None) -> Loop:
    """The loop of a receiver process. `listening` is told the port."""

    def run(stop: threading.Event) -> None:
        # aiosmtpd words every line it reads for its logger; what an attacker sends has no place in ours.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        try:
            asyncio.run(serve(settings, intake, listening, stop))
        finally:
            intake.close()

    return run


async def serve(
    settings: MailSettings, intake: Intake, listening: Callable[[int], None], stop: threading.Event
) -> None:
    loop = asyncio.get_running_loop()
    room = Room(settings.smtp_max_connections, settings.smtp_max_held)
    server = await loop.create_server(
        protocols(settings, intake, room), settings.smtp_host, settings.smtp_port, backlog=512
    )
    port = server.sockets[0].getsockname()[1]
    log("mail").info("smtp_listening", host=settings.smtp_host, port=port, lmtp=settings.smtp_lmtp)
    listening(port)
    while not stop.is_set():
        await asyncio.sleep(STOP_POLL_SECONDS)
    server.close()
    await emptied(room, GRACE_SECONDS)
    # Other connections end with the loop: who had no answer yet sends the mail again, to this process's successor.


async def emptied(room: Room, seconds: float) -> None:
    """Until all clients have left, each after the mail that it is sending, or the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while room.receivers and loop.time() < deadline:
        for client in list(room.receivers):
            client.leave_between_mails()
        await asyncio.sleep(LEAVE_POLL_SECONDS)


def protocols(settings: MailSettings, intake: Intake, room: Room) -> Callable[[], asyncio.Protocol]:
    tls = tls_context(settings)
    kind = LmtpReceiver if settings.smtp_lmtp else Receiver
    name = settings.smtp_name or None

    def protocol() -> asyncio.Protocol:
        if room.connections >= room.max_connections:
            return Refusal()
        return kind(
            intake,
            room,
            settings.smtp_max_size,
            settings.smtp_data_seconds,
            timeout=settings.smtp_idle_seconds,
            tls_context=tls,
            hostname=name,
            loop=asyncio.get_running_loop(),
        )

    return protocol


class Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        ANSWERS.labels("CONNECT", "421").inc()
        transport.write(f"{BUSY}\r\n".encode())
        transport.close()


def tls_context(settings: MailSettings) -> ssl.SSLContext | None:
    if settings.smtp_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.smtp_certificate, settings.smtp_private_key)
    return context
