"""What a parsed mail is, and how far parsing may go. Pure data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Address:
    name: str
    email: str  # the domain in lower case; '' when there is no usable address


@dataclass(frozen=True, slots=True)
class Attachment:
    file_name: str  # for display only: never part of a path
    content_type: str
    size: int  # bytes after decoding
    sha256: str  # hexadecimal
    content_id: str  # without <>, '' if none
    inline: bool  # shown inside the HTML body
    path: str  # the file in the work folder that holds the decoded bytes


@dataclass(frozen=True, slots=True)
class Undelivered:
    """One whom a mail did not reach: by the address it was sent to, or the one that was forwarded to."""

    email: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a mail tells of the delivery of another one (RFC 3464, and what servers sent before it)."""

    action: str = ""  # 'failed', 'delayed', 'delivered', 'relayed', 'expanded'; '' if it does not say
    detail: str = ""  # the words of the server that refused it
    returned_ids: tuple[str, ...] = ()  # Message-IDs of the mails it returns, without <>
    undelivered: tuple[Undelivered, ...] = ()  # of 'failed', as far as it names them


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """No string holds NUL or lone surrogates: PostgreSQL and JSON refuse them."""

    message_id: str  # without <>, '' if none
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    subject: str
    sender: Address
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    date: datetime | None  # the mail's own Date in UTC; None when missing or unusable
    text: str
    new_text: str  # without quoted history; '' if all of the text is new
    html: str  # cleaned, quoted history marked; '' if the mail has none
    snippet: str
    attachments: tuple[Attachment, ...]
    automatic: str  # '', 'auto-submitted', 'bounce', 'list', 'bulk'
    report: Report
    warnings: tuple[str, ...]  # UPPER_SNAKE reasons of what was cut or guessed, each once


@dataclass(frozen=True, slots=True)
class Limits:
    wall_seconds: float = 10
    cpu_seconds: int = 10
    memory_bytes: int = 512 * 1024 * 1024  # address space of a child
    parts: int = 1_000
    depth: int = 30  # nested multiparts
    recipients: int = 200  # of each of To, Cc and Reply-To
    header_bytes: int = 1024 * 1024  # of one header block
    body_characters: int = 2_000_000  # of the text and of the HTML
    attachments: int = 100


Reason = Literal["TIME_LIMIT", "MEMORY_LIMIT", "CRASHED", "MALFORMED"]


class Unparsable(Exception):
    """This mail cannot be parsed within the limits, now or later: keep its raw file and set it aside."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
