"""A mail as bytes. Header fields are written here, the body by the standard library."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from mail.parsing.headers import plain, plain_lines

# Seven bits only: not every server on the way must know 8BITMIME, and no line may exceed 998 octets (RFC 5321).
_POLICY = SMTP.clone(cte_type="7bit")
_SIMPLE_TEXT = re.compile(r"[ -~]{0,60}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]{1,60}")
# RFC 2047, 2: a line with an encoded word has at most 76 characters, of which the first has the field's name as well.
_ENCODED_LINE = 76
_LONGEST_NAME = "Reply-To"
_HEADER_ID = re.compile(r"[!-;=?-~]{1,250}")
_REFERENCES = 20
_SUBJECT_CHARACTERS = 400
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
# Parts that RFC 2046 gives a structure or forbids to be encoded are sent as plain bytes.
_STRUCTURED = ("multipart/", "message/")

# Beside the text itself, where mail clients keep it: many drop <style>, and what <body> says. Names that Outlook knows
# come first, else it takes Times for all of them. Colours are the client's own, for those who read in the dark.
_STYLE = "font-family:'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:15px;line-height:1.5"

ANY_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Mailbox:
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """Ids without <>. Addresses are such as sendable() gives. Recipients in blind copy are not among them."""

    sender: Mailbox
    reply_to: str
    to: Sequence[Mailbox]
    cc: Sequence[Mailbox]
    subject: str
    message_id: str
    # Of the answered mail; empty: it had none.
    in_reply_to: str
    references: Sequence[str]
    at: datetime
    text: str
    # Empty: text alone.
    html: str
    files: Sequence[File] = ()
    # Further fields, in ASCII.
    fields: dict[str, str] = field(default_factory=dict)


def compose(mail: Mail) -> bytes:
    return "".join(f"{line}\r\n" for line in header_lines(mail)).encode("ascii") + body_of(mail).as_bytes(
        policy=_POLICY
    )


def header_lines(mail: Mail) -> Iterator[str]:
    yield f"Date: {format_datetime(mail.at)}"
    yield f"From: {address(mail.sender)}"
    yield f"Reply-To: {mail.reply_to}"
    if mail.to:
        yield f"To: {addresses(mail.to)}"
    if mail.cc:
        yield f"Cc: {addresses(mail.cc)}"
    yield f"Subject: {words(mail.subject[:_SUBJECT_CHARACTERS])}"
    yield f"Message-ID: <{mail.message_id}>"
    if answered := usable_ids([mail.in_reply_to]):
        yield f"In-Reply-To: <{answered[0]}>"
    if references := bounded(usable_ids([*mail.references, mail.in_reply_to])):
        yield "References: " + "\r\n ".join(f"<{one}>" for one in references)
    for name, value in mail.fields.items():
        yield f"{name}: {value}"


def usable_ids(ids: Sequence[str]) -> list[str]:
    """Each once. One with spaces, or too long for a line, would break the field for all others."""
    return list(dict.fromkeys(one for one in ids if _HEADER_ID.fullmatch(one)))


def bounded(ids: list[str]) -> list[str]:
    """The root and the newest, as RFC 5322 (3.6.4) lets clients do."""
    return ids if len(ids) <= _REFERENCES else [*ids[:1], *ids[1 - _REFERENCES :]]


def addresses(mailboxes: Sequence[Mailbox]) -> str:
    return ",\r\n ".join(address(mailbox) for mailbox in mailboxes)


def address(mailbox: Mailbox) -> str:
    name = plain(mailbox.name).strip()
    return f"{phrase(name)}\r\n <{mailbox.email}>" if name else mailbox.email


def phrase(name: str) -> str:
    if "=?" in name or not _SIMPLE_TEXT.fullmatch(name):
        return encoded(name)
    return name if _ATOMS.fullmatch(name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def words(text: str) -> str:
    text = plain(text).strip()
    return text if _SIMPLE_TEXT.fullmatch(text) and "=?" not in text else encoded(text)


def encoded(text: str) -> str:
    """Encoded words (RFC 2047), each on a line of its own."""
    return Header(text, "utf-8", maxlinelen=_ENCODED_LINE, header_name=_LONGEST_NAME).encode(linesep="\r\n")


def body_of(mail: Mail) -> EmailMessage:
    message = EmailMessage(_POLICY)
    message.set_content(plain_lines(mail.text) or "\n")
    if mail.html:
        message.add_alternative(page(mail.html), subtype="html")
    for file in mail.files:
        maintype, _, subtype = content_type(file.content_type).partition("/")
        message.add_attachment(file.content, maintype=maintype, subtype=subtype, filename=plain(file.name))
    return message


def page(html: str) -> str:
    body = f'<div style="{_STYLE}">{plain_lines(html)}</div>'
    return f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{body}</body></html>'


def content_type(stated: str) -> str:
    """As a part of a mail may have it."""
    kind = stated.partition(";")[0].strip().lower()
    return kind if _CONTENT_TYPE.fullmatch(kind) and not kind.startswith(_STRUCTURED) else ANY_TYPE
