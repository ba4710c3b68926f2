"""Customers who write at once, each a process with one connection, and a server that takes mails and forgets them."""

import asyncio
import os
import smtplib
from base64 import encodebytes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from system import CONTEXT

MAILBOX = "atendimento@demo.guiche"
TEXT = "Bom dia, comprei no dia 12 e ainda não recebi. Podem verificar, por favor?\r\n".encode() * 100


def mail(number: int) -> bytes:
    head = (
        f"From: Ana {number} <ana{number}@example.com>\r\nTo: {MAILBOX}\r\nSubject: Pedido {number}\r\n"
        f"Message-ID: <{number}@example.com>\r\nDate: Mon, 06 Oct 2025 10:00:00 -0300\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    ).encode()
    part = b"\r\n--b\r\nContent-Type: application/pdf; name=nota.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    attachment = encodebytes(b"%d" % number * 1500)[:4000].replace(b"\n", b"\r\n")
    return head + TEXT + part + attachment + b"\r\n--b--\r\n"


def read_by_the_library(number: int) -> object:
    """What Python's own parser does for such a mail, at the least: the limit of all that reads mails."""
    read = message_from_bytes(mail(number), EmailMessage, policy=default)
    body = read.get_body(("plain",))
    assert body is not None
    return read["From"], read["Subject"], body.get_content(), [part.get_content() for part in read.iter_attachments()]


class Senders:
    """Forked before this process has threads. What they do is not counted as the work of this one."""

    def __init__(self, numbers: range, connections: int) -> None:
        self.starts, self.ends, self.children = os.pipe(), os.pipe(), []
        for first in range(connections):
            child = os.fork()
            if child == 0:
                # A child that raises must end here, not go on as a second one of its parent.
                said = b"!"
                # Then a parent that ends before it has said where to send ends its children with it.
                os.close(self.starts[1])
                try:
                    send_some(int.from_bytes(os.read(self.starts[0], 4)), numbers[first::connections])
                    said = b"."
                finally:
                    os.write(self.ends[1], said)
                    os._exit(0)
            self.children.append(child)

    def send(self, port: int) -> None:
        """Returns when all mails were accepted."""
        os.write(self.starts[1], port.to_bytes(4) * len(self.children))
        assert all([os.read(self.ends[0], 1) == b"." for _ in self.children]), "a sender failed"  # noqa: C419 -- each ends

    def wait(self) -> None:
        for child in self.children:
            os.waitpid(child, 0)
        for end in (*self.starts, *self.ends):
            os.close(end)


def send_some(port: int, numbers: range) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number in numbers:
            client.sendmail(f"ana{number}@example.com", MAILBOX, mail(number))


def send_all(port: int, numbers: range, connections: int) -> None:
    senders = Senders(numbers, connections)
    senders.send(port)
    senders.wait()


@dataclass(frozen=True)
class Sink:
    """count: a number shared with the process that receives."""

    port: int
    count: Any

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def received(self) -> int:
        return int(self.count.value)


class Discarding:
    def __init__(self, count: Any) -> None:
        self.count = count

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.count.value += 1
        return "250 OK"


@contextmanager
def sink() -> Iterator[Sink]:
    """A mail server of its own process that accepts everything, as fast as aiosmtpd can."""
    count, port = CONTEXT.Value("q", 0), CONTEXT.SimpleQueue()
    process = CONTEXT.Process(target=lambda: asyncio.run(discard(count, port)), daemon=True)
    process.start()
    try:
        yield Sink(port.get(), count)
    finally:
        process.terminate()
        process.join()


async def discard(count: Any, port: Any) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Discarding(count), hostname="sink"), "127.0.0.1", 0)
    port.put(server.sockets[0].getsockname()[1])
    await server.serve_forever()
