"""The customer's side of a conversation: a real SMTP server that receives what Guichê sends, and answers to it."""

import email.policy
import re
import smtplib
import threading
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from all_in_one.environment import free_ports
from servicekit.testing import eventually


@dataclass(frozen=True)
class Received:
    sender: str
    recipients: list[str]
    mail: EmailMessage

    @property
    def text(self) -> str:
        body = self.mail.get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    @property
    def is_acknowledgement(self) -> bool:
        return self.mail["Auto-Submitted"] == "auto-replied"


MARKS_OF_MACHINES = ("Auto-Submitted", "X-Auto-Response-Suppress", "Precedence")


class Correspondent:
    """refused: by address, the SMTP answer to its RCPT, e.g. "550 5.1.1 No such user".
    routes: by domain, the port of the server that gets its mail; others' mail ends here.
    strips: whether marks of automatic mail get lost on the way, as at some hops they do."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.received: list[Received] = []
        self.refused: dict[str, str] = {}
        self.routes: dict[str, int] = {}
        self.strips = False
        self.handed_over: list[Future[None]] = []
        self.lock = threading.Lock()
        self.port = port or free_ports(1)[0]
        self.controller = Controller(self, hostname=host, port=self.port, ready_timeout=10)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        parsed = BytesParser(policy=email.policy.default).parsebytes(bytes(envelope.content or b""))
        assert isinstance(parsed, EmailMessage)
        sender = (envelope.mail_from or "").strip("<>")
        with self.lock:
            self.received.append(Received(sender, list(envelope.rcpt_tos), parsed))
        for address in envelope.rcpt_tos:
            if port := self.routes.get(address.rpartition("@")[2]):
                # As servers do: accepted first, handed over afterwards.
                self.handed_over.append(Future())
                onward = (self.handed_over[-1], sender, address, parsed, port)
                # A daemon: a server that does not answer keeps nobody from ending.
                threading.Thread(target=self.hand_over, args=onward, name="onward", daemon=True).start()
        return "250 OK"

    def hand_over(self, done: "Future[None]", *mail: Any) -> None:
        try:
            done.set_result(self.send_on(*mail))
        except Exception as error:
            done.set_exception(error)

    def all_is_handed_over(self) -> None:
        """Raises what went wrong where something did."""
        for one in list(self.handed_over):
            one.result(timeout=60)

    def send_on(self, sender: str, address: str, mail: EmailMessage, port: int) -> None:
        if self.strips:
            sender, mail = sender or parseaddr(str(mail["From"]))[1], deepcopy(mail)
            for name in MARKS_OF_MACHINES:
                del mail[name]
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as smtp:
            smtp.sendmail(sender, [address], mail.as_bytes())

    def start(self) -> None:
        self.controller.start()

    def stop(self) -> None:
        self.controller.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def mails_to(self, address: str) -> list[Received]:
        with self.lock:
            return [one for one in self.received if address in one.recipients]

    def acknowledgement(self, address: str) -> Received:
        return eventually(lambda: [m for m in self.mails_to(address) if m.is_acknowledgement], seconds=30)[0]

    def replies(self, address: str) -> list[Received]:
        return [m for m in self.mails_to(address) if not m.is_acknowledgement]

    def reply(self, address: str, number: int = 1) -> Received:
        """The number-th reply to an address, once it has come."""
        return eventually(lambda: self.replies(address)[number - 1 : number], seconds=30)[0]


def answer_to(mail: EmailMessage, text: str, sender: str, to: str = "", **headers: Any) -> EmailMessage:
    """As a mail program answers: to Reply-To, with In-Reply-To and References. A header given as None is left out."""
    answer = EmailMessage()
    answer["From"] = sender
    answer["To"] = to or mail["Reply-To"] or mail["From"]
    answer["Subject"] = "RES: " + re.sub(r"^(re|res):\s*", "", str(mail["Subject"]), flags=re.IGNORECASE)
    answer["Message-ID"] = headers.pop("message_id", None) or f"<{threading.get_native_id()}.{id(answer)}@exemplo.com>"
    own = {"In-Reply-To": mail["Message-ID"], "References": f"{mail['References'] or ''} {mail['Message-ID']}".strip()}
    for name, value in (own | {k.replace("_", "-"): v for k, v in headers.items()}).items():
        if value is not None:
            del answer[name]
            answer[name] = value
    answer.set_content(text)
    return answer
