"""Hands mails to the server that sends them on (RFC 5321), or to a folder where there is none.

What becomes of a mail is one of four outcomes. The border runs through the final dot of DATA: before it has been sent
completely nothing was handed over, after it only the server knows.
"""

import os
import re
import smtplib
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

from mail.config import MailSettings
from servicekit import crash
from servicekit.events.claims import LONGEST_WORK

_DETAIL_CHARACTERS = 500
# So much longer than other answers may the one to the final dot take: RFC 5321, 4.5.3.2.6, says ten minutes, and giving
# up too early leaves a message whose fate nobody knows.
_PATIENCE = 10
# Bytes that must get through in the time of one answer, and the times of an answer that a whole mail may take: 25 MB
# within an hour, for a server that takes it in drop by drop would keep a sender for itself.
_SLICE = 64 * 1024
_LONGEST_CONTENT = 60
# MAIL, DATA and RSET.
_OTHER_COMMANDS = 3
_CUT = "timed out while the mail was sent"
_MAILS_OF_A_CONNECTION = 100
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# Said of us, not of the mail: closing down, wrong or missing authentication.
_OF_THE_RELAY = (421, 454, 530, 534, 535, 538)


class RelayAway(Exception):
    """The relay cannot be reached or will not talk to us. No mail's fault."""


@dataclass(frozen=True, slots=True)
class Refused:
    email: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sent:
    """Accepted, for all recipients but `refused`."""

    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Later:
    """Refused for now, or interrupted before anything was handed over."""

    detail: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Refused for good. refused: empty: all are; else the others have it, or there are none."""

    detail: str
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unknown:
    """Handed over, and no answer."""

    detail: str


Outcome = Sent | Later | Failed | Unknown


class Link(Protocol):
    """A way on which one mail after the other leaves."""

    def send(
        self, message_id: UUID, envelope_from: str, recipients: Sequence[str], content: bytes, *, last: bool
    ) -> Outcome:
        """last: it will not be tried again, so recipients that are refused for now are refused. Raises RelayAway."""
        ...

    def longest(self, recipients: int) -> timedelta:
        """How long send() may take at most."""
        ...

    def usable(self) -> bool:
        """Whether another mail may follow."""
        ...

    def close(self) -> None: ...


def connect(settings: MailSettings) -> Link:
    """Raises RelayAway."""
    if settings.smtp_relay:
        return SmtpLink(settings)
    assert settings.mail_outbox is not None, "checked where the process begins"
    return FolderLink(settings.mail_outbox)


class FolderLink:
    """Each mail a file <message id>.eml, there completely or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RelayAway(str(error)) from error

    def send(
        self, message_id: UUID, envelope_from: str, recipients: Sequence[str], content: bytes, *, last: bool
    ) -> Outcome:
        new = self.folder / f".{message_id}.{os.getpid()}"
        try:
            with new.open("wb") as file:
                file.write(content)
                crash.point("send.during")
                file.flush()
                os.fsync(file.fileno())
            new.rename(self.folder / f"{message_id}.eml")
        except OSError as error:
            raise RelayAway(str(error)) from error
        return Sent()

    def longest(self, recipients: int) -> timedelta:
        return LONGEST_WORK

    def usable(self) -> bool:
        return True

    def close(self) -> None:
        pass


class SmtpLink:
    """One connection. Not for several threads."""

    def __init__(self, settings: MailSettings) -> None:
        self.timeout = settings.smtp_relay_timeout
        self.sent = 0
        try:
            self.smtp = opened(settings)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise RelayAway(reason(error)) from error

    def longest(self, recipients: int) -> timedelta:
        """Each command waits for its answer, the mail gets its times, and one slice may begin at the end of them."""
        return timedelta(seconds=self.timeout * (recipients + _OTHER_COMMANDS + _LONGEST_CONTENT + 1 + _PATIENCE))

    def usable(self) -> bool:
        return self.smtp.sock is not None and self.sent < _MAILS_OF_A_CONNECTION

    def close(self) -> None:
        with suppress(OSError, smtplib.SMTPException):
            if self.smtp.sock is not None:
                self.smtp.quit()
        self.smtp.close()

    def send(
        self, message_id: UUID, envelope_from: str, recipients: Sequence[str], content: bytes, *, last: bool
    ) -> Outcome:
        self.sent += 1
        code, detail = self.begin(envelope_from, len(content))
        if not accepted(code):
            return self.dropped(code, detail)
        refused: list[Refused] = []
        try:
            return self.offered(recipients, refused, last=last) or self.handed_over(content, refused)
        except (OSError, smtplib.SMTPException) as error:
            self.smtp.close()
            return Later(reason(error))

    def begin(self, envelope_from: str, size: int) -> tuple[int, str]:
        """MAIL FROM. Whoever closes here, says nothing of the mail: an idle connection may long have been cut."""
        options = [f"size={size}"] if self.smtp.has_extn("size") else []
        try:
            code, said = self.smtp.mail(envelope_from, options)
        except (OSError, smtplib.SMTPException) as error:
            self.smtp.close()
            raise RelayAway(reason(error)) from error
        if code in _OF_THE_RELAY or code < 0:
            self.smtp.close()
            raise RelayAway(words(code, said))
        return code, words(code, said)

    def offered(self, recipients: Sequence[str], refused: list[Refused], *, last: bool) -> Outcome | None:
        """RCPT TO for each, then DATA; None where the server now waits for the content."""
        for recipient in recipients:
            code, said = self.smtp.rcpt(recipient)
            if accepted(code):
                continue
            if closing(code) or not (500 <= code < 600 or last):
                return self.dropped(code, words(code, said))
            refused.append(Refused(recipient, words(code, said)))
        if len(refused) == len(recipients):
            self.reset()
            return Failed(refused[0].detail if refused else "no recipients", refused)
        code, said = self.smtp.docmd("DATA")
        return None if code == 354 else self.dropped(code, words(code, said))

    def dropped(self, code: int, detail: str) -> Outcome:
        """The mail is dropped on both sides, and the connection stays unless the server closes it."""
        if closing(code):
            self.smtp.close()
        else:
            self.reset()
        return Failed(detail) if 500 <= code < 600 else Later(detail)

    def reset(self) -> None:
        """What was said of the mail stands, whatever becomes of the connection."""
        try:
            self.smtp.rset()
        except (OSError, smtplib.SMTPException):
            self.smtp.close()

    def handed_over(self, content: bytes, refused: list[Refused]) -> Outcome:
        """The content and its final dot. OSError and SMTPException only where the dot has not been sent."""
        self.put(dotted(content))
        crash.point("send.during")
        try:
            code, said = self.patient_reply()
        except (OSError, smtplib.SMTPException) as error:
            self.smtp.close()
            return Unknown(reason(error))
        if accepted(code):
            return Sent(refused)
        if not 400 <= code < 600 or closing(code):
            self.smtp.close()
        if 400 <= code < 500:
            return Later(words(code, said))
        return Failed(words(code, said)) if 500 <= code < 600 else Unknown(words(code, said))

    def put(self, content: bytes) -> None:
        """In slices, since the time-out of a socket is for all that is given to it at once."""
        sock, until = self.smtp.sock, time.monotonic() + _LONGEST_CONTENT * self.timeout
        assert sock is not None, "the server has just answered on it"
        for start in range(0, len(content), _SLICE):
            if time.monotonic() > until:
                raise TimeoutError(_CUT)
            try:
                sock.sendall(content[start : start + _SLICE])
            except TimeoutError as error:
                raise TimeoutError(_CUT) from error

    def patient_reply(self) -> tuple[int, bytes]:
        if self.smtp.sock is not None:
            self.smtp.sock.settimeout(_PATIENCE * self.timeout)
        answer = self.smtp.getreply()
        if self.smtp.sock is not None:
            self.smtp.sock.settimeout(self.timeout)
        return answer


def opened(settings: MailSettings) -> smtplib.SMTP:
    """Greeted, encrypted and authenticated as the settings say; raises OSError, SMTPException, ValueError."""
    host, _, port = settings.smtp_relay.rpartition(":")
    where, name = (host.strip("[]"), int(port)), settings.smtp_name or None
    tls = settings.smtp_relay_tls or ("starttls" if settings.smtp_relay_user else "none")
    context = ssl.create_default_context() if tls != "none" else None
    if tls == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(*where, name, timeout=settings.smtp_relay_timeout, context=context)
    else:
        smtp = smtplib.SMTP(*where, name, timeout=settings.smtp_relay_timeout)
    try:
        smtp.ehlo_or_helo_if_needed()
        if tls == "starttls":
            smtp.starttls(context=context)
            smtp.ehlo()
        if settings.smtp_relay_user:
            smtp.login(settings.smtp_relay_user, settings.smtp_relay_password.get_secret_value())
    except BaseException:
        smtp.close()
        raise
    return smtp


def accepted(code: int) -> bool:
    return 200 <= code < 300


def closing(code: int) -> bool:
    """421: the server closes the connection. Below 0: what it said was no answer of SMTP."""
    return code == 421 or code < 0


def dotted(content: bytes) -> bytes:
    """Transparency and the end of the mail (RFC 5321, 4.5.2). content: with CRLF line ends, as it was composed."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def words(code: int, said: bytes) -> str:
    """What a server said, in one line that can be stored and shown."""
    return safe(f"{code} {said.decode('utf-8', 'replace')}")


def reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return words(error.smtp_code, said if isinstance(said, bytes) else str(said).encode())
    return safe(str(error) or type(error).__name__)


def safe(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:_DETAIL_CHARACTERS]
