"""Header fields from bytes: found by one linear scan, decoded to plain text (RFC 5322, RFC 2047, RFC 6532)."""

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from mail.parsing.charsets import decode

VALUE_BYTES = 256 * 1024  # of one field; the longest one with a use is To, cut further by the number of recipients
_FIELDS = 5_000
_FIELD_NAME = re.compile(rb"([!-9;-~]{1,200})[ \t]*+:")
# Possessive, for ordinary repetitions would remember each of a million folds to come back to it.
_FIELD = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+\n?")
_LINE = re.compile(rb"[^\n]*+\n?")
# Also several at once: lines of nothing but spaces are folds as well (RFC 5322, 4.2).
_FOLD = re.compile(r"(?:\r?\n[ \t]*+)++|\r")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([QqBb])\?((?:[^?]|\?(?!=))*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t]+(?==\?[^?\s]{1,60}\?[QqBb]\?)")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# What turns the direction of writing, by which a sender could make a subject or name read as another.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Block(NamedTuple):
    """The header block at the start of a mail or part; `body` is where its body begins."""

    fields: list[tuple[str, bytes]]  # name in lower case, raw value with its folds, in the mail's order
    body: int
    truncated: bool


def scan(raw: bytes, start: int, end: int, limit: int, *, skip_bad_lines: bool) -> Block:
    """Looks at `limit` bytes and 5,000 fields. With `skip_bad_lines` a line that is no field is left out (gateways
    break headers of whole mails, and the fields after it are needed); without, the body begins there, as in parts
    without any header."""
    spans: list[tuple[str, int, int]] = []
    position, stop = start, min(end, start + limit)
    for _ in range(_FIELDS):
        if position >= stop:
            break
        line = raw[position : position + 2]
        if line[:1] == b"\n" or line == b"\r\n":
            return Block(_sliced(raw, spans), position + line.index(b"\n") + 1, False)
        name = _FIELD_NAME.match(raw, position, stop)
        if line == b"--":
            return Block(_sliced(raw, spans), position, False)  # a boundary: the part ended inside its headers
        if not name and line[:1] in (b" ", b"\t") and spans:  # the fold of a bad line that was skipped
            spans[-1] = (*spans[-1][:2], _end_of(_FIELD, raw, position, stop))
        elif name:
            spans.append((name[1].decode("ascii").lower(), name.end(), _end_of(_FIELD, raw, position, stop)))
        elif not _may_skip(raw, position, spans, skip_bad_lines):
            return Block(_sliced(raw, spans), position, False)
        position = spans[-1][2] if spans and spans[-1][2] > position else _end_of(_LINE, raw, position, stop)
    if position >= end:
        return Block(_sliced(raw, spans), end, False)
    return Block(_sliced(raw, spans), after_blank_line(raw, max(position - 1, start), end), True)


def after_blank_line(raw: bytes, start: int, end: int) -> int:
    """Where the body begins; `end` where there is none."""
    blanks = ((raw.find(blank, start, end), len(blank)) for blank in (b"\n\n", b"\n\r\n"))
    return min((found + length for found, length in blanks if found >= 0), default=end)


def _end_of(pattern: re.Pattern[bytes], raw: bytes, start: int, end: int) -> int:
    found = pattern.match(raw, start, end)
    return found.end() if found else end


def _sliced(raw: bytes, spans: list[tuple[str, int, int]]) -> list[tuple[str, bytes]]:
    return [(name, raw[start : min(end, start + VALUE_BYTES)]) for name, start, end in spans]


def _may_skip(raw: bytes, position: int, spans: list[tuple[str, int, int]], skip_bad_lines: bool) -> bool:
    return skip_bad_lines and (bool(spans) or raw.startswith((b"From ", b">From "), position))


def values(fields: list[tuple[str, bytes]], name: str) -> Iterator[bytes]:
    return (value for field, value in fields if field == name)


def first(fields: list[tuple[str, bytes]], name: str) -> bytes:
    return next(values(fields, name), b"")


def unfold(value: bytes, warnings: set[str]) -> str:
    """Raw UTF-8 is legal (RFC 6532), other raw 8-bit bytes are guessed."""
    return plain(_FOLD.sub(" ", decode(value, "", warnings)).replace("\n", " ")).strip()


def decode_words(value: str, warnings: set[str]) -> str:
    """RFC 2047 encoded words; neighbours of one charset are joined first, for senders split inside a character."""
    pieces: list[str] = []
    pending, pending_charset, position = b"", "", 0
    value = _BETWEEN_WORDS.sub(r"\1", value)
    for word in _WORD.finditer(value):
        charset, kind, text = word.groups()
        charset = charset.partition("*")[0].lower()
        if pending and (word.start() > position or charset != pending_charset):
            pieces.append(decode(pending, pending_charset, warnings))
            pending = b""
        pieces.append(value[position : word.start()])
        pending, pending_charset = pending + _word_bytes(kind, text), charset
        position = word.end()
    if pending:
        pieces.append(decode(pending, pending_charset, warnings))
    pieces.append(value[position:])
    return plain("".join(pieces))


def _word_bytes(kind: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if kind in "Qq":
        return binascii.a2b_qp(data, header=True)
    return lenient_base64(data)


def lenient_base64(data: bytes | memoryview) -> bytes:
    """Skips what is not in the alphabet; an incomplete last group loses only itself."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        digits = re.sub(rb"[^A-Za-z0-9+/]", b"", bytes(data))
        digits = digits[: len(digits) - (len(digits) % 4 == 1)]
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def plain(text: str) -> str:
    """One line without control characters and lone surrogates."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", _TURNING.sub("", text)))


def plain_lines(text: str) -> str:
    """Like `plain` with line breaks as LF and tabs kept."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", _TEXT_CONTROL.sub("", text))
