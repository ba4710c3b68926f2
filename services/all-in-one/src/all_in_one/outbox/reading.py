"""Mails in a folder, read for showing. What they say was written by strangers, at least in part."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from pathlib import Path
from zoneinfo import ZoneInfo

# Where the demo's company is.
ZONE = ZoneInfo("America/Sao_Paulo")
# A mail's file is named by its message's id, and nothing else is ever opened.
NAME = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.eml", re.ASCII)
LISTED = 200
# More than Guichê lets leave in one mail.
MAX_BYTES = 64 * 1024 * 1024
MAX_PARTS = 200
MAX_BOUNDARIES = 50
HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class Row:
    id: str
    at: datetime
    sender: str
    to: str
    subject: str
    size: int


@dataclass(frozen=True)
class File:
    number: int
    name: str
    content_type: str
    size: int


@dataclass
class Mail:
    row: Row
    headers: list[tuple[str, str]]
    text: str = ""
    html: str = ""
    files: list[File] = field(default_factory=list)


def listed(folder: Path) -> list[Row]:
    """The newest mails, newest first."""
    found = sorted(names(folder), reverse=True)[:LISTED]
    return [row for _, name in found if (row := row_of(folder, name))]


def names(folder: Path) -> Iterator[tuple[float, str]]:
    """(time of change, id)"""
    if not folder.is_dir():
        return
    for entry in os.scandir(folder):
        if (name := NAME.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False):
            yield entry.stat(follow_symlinks=False).st_mtime, name[1]


def row_of(folder: Path, mail_id: str) -> Row | None:
    path = path_of(folder, mail_id)
    if path is None:
        return None
    with path.open("rb") as file:
        headers = BytesHeaderParser(policy=compat32).parsebytes(file.read(HEADER_BYTES))
    told = path.stat()
    return Row(
        id=mail_id,
        at=datetime.fromtimestamp(told.st_mtime, ZONE),
        sender=value(headers, "From"),
        to=value(headers, "To"),
        subject=value(headers, "Subject"),
        size=told.st_size,
    )


def path_of(folder: Path, mail_id: str) -> Path | None:
    """None where there is no such mail, whatever was asked for."""
    if not NAME.fullmatch(f"{mail_id}.eml"):
        return None
    path = folder / f"{mail_id}.eml"
    return path if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_BYTES else None


def mail(folder: Path, mail_id: str) -> Mail | None:
    row = row_of(folder, mail_id)
    parsed = parse(folder, mail_id)
    if row is None or parsed is None:
        return None
    read = Mail(row, [(name, worded(raw)) for name, raw in parsed.items()])
    for number, part in enumerate(parts(parsed)):
        content, disposition = payload(part), part.get_content_disposition()
        kind = part.get_content_type() if disposition != "attachment" else ""
        if kind == "text/plain" and not read.text:
            read.text = text(part, content)
        elif kind == "text/html" and not read.html:
            read.html = text(part, content)
        else:
            read.files.append(File(number, file_name(part), part.get_content_type(), len(content)))
    return read


def attached(folder: Path, mail_id: str, number: str) -> tuple[File, bytes] | None:
    """One part by its place, with its bytes."""
    parsed = parse(folder, mail_id)
    if parsed is None or not re.fullmatch(r"[0-9]{1,3}", number, re.ASCII):
        return None
    for place, part in enumerate(parts(parsed)):
        if place == int(number):
            content = payload(part)
            return File(place, file_name(part), part.get_content_type(), len(content)), content
    return None


def parse(folder: Path, mail_id: str) -> "Message[str, str] | None":
    path = path_of(folder, mail_id)
    if path is None:
        return None
    content = path.read_bytes()
    # Parts within parts within parts cost the parser the square of their number: such a mail is shown as one text.
    deep = content.lower().count(b"boundary=") > MAX_BOUNDARIES
    # Not policy.default, which a hostile header keeps busy for seconds.
    parser = BytesHeaderParser if deep else BytesParser
    return parser(policy=compat32).parsebytes(content)


def parts(parsed: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """Those that hold something, in order."""
    try:
        for number, part in enumerate(parsed.walk()):
            if number > MAX_PARTS:
                return
            if not part.is_multipart():
                yield part
    except RecursionError:
        # Nested deeper than any mail is that was meant to be read.
        return


def payload(part: "Message[str, str]") -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def text(part: "Message[str, str]", content: bytes) -> str:
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def file_name(part: "Message[str, str]") -> str:
    try:
        return worded(part.get_filename() or "")
    except (LookupError, ValueError, TypeError):
        return ""


def value(headers: "Message[str, str]", name: str) -> str:
    return ", ".join(worded(raw) for raw in headers.get_all(name, []))


def worded(raw: object) -> str:
    """A header's value with its encoded words (RFC 2047) read, where they can be."""
    try:
        return str(make_header(decode_header(str(raw))))
    except (LookupError, ValueError, HeaderParseError):
        return str(raw)
