"""What identifies a mail before it is parsed: cheap, linear scans of the header block, safe in the receiver."""

import hashlib
import re

from mail.parsing.headers import VALUE_BYTES, after_blank_line, first, scan, values

_LOOKED_AT = 1024 * 1024
# Where trace fields are looked for: far more than mails have of headers, and little enough that the search, which holds
# the interpreter, does not stop the receiver. Through 25 MB it took four seconds.
_TRACED = 256 * 1024
_PIECE = 64 * 1024
_CR = 13
_ID_CHARACTERS = 500
_IDS = 100
_ANGLE_ID = re.compile(r"<([^<>]{1,1000})>")
_SPACE_OR_CONTROL = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# Fields that differ between two deliveries of one mail: trace and results of each hop, and marks of mailboxes.
# Possessive, for ordinary repetitions would remember each of a million folds to come back to it.
_TRACE = re.compile(
    rb"^(?:received|x-received|return-path|delivered-to|x-delivered-to|x-original-to|envelope-to|x-envelope-(?:from|to)"
    rb"|delivery-date|authentication-results|x-(?:original-)?authentication-results|arc-[a-z-]+|received-spf|dkim-signature"
    rb"|x-google-dkim-signature|x-google-smtp-source|x-gm-[a-z-]+|x-spam[a-z-]*|x-virus[a-z-]*|x-rspamd-[a-z-]+"
    rb"|x-forefront-[a-z-]+|x-microsoft-antispam[a-z-]*|x-ms-exchange-[a-z-]+|x-ms-publictraffictype|x-scanned-by"
    rb"|x-mozilla-[a-z-]+|x-uid|x-keywords|status|x-status|lines|content-length)[ \t]*:[^\n]*+\n?"
    rb"(?:[ \t][^\n]*+\n?)*+",
    re.IGNORECASE | re.MULTILINE,
)

# A mail that begins with an empty line has no header; a hop that adds one leaves the line where it is.
_BLANK = re.compile(rb"\r?\n")


def content_hash(raw: bytes) -> bytes:
    """SHA-256 of the mail without its trace headers, with LF line ends and without line ends at its end: SMTP and
    IMAP deliver the same mail with different ones.

    Kept with every mail, and compared with its bytes by the checker: other rules here would tell all of them wrong."""
    blank = _BLANK.match(raw)
    end = blank.end() if blank else after_blank_line(raw, 0, len(raw))
    traced = min(end, _TRACED)
    header = _TRACE.sub(b"", _with_lf(raw[:traced])) + _with_lf(raw[traced:end])
    digest = hashlib.sha256(header.strip(b"\r\n"))
    digest.update(b"\n\n")
    # In pieces: several threads of the receiver do this at once, and copies of whole mails are what it can least spare.
    last = _without_line_ends(raw, end)
    while end < last:
        # A CR at the end of a piece may be half of a line end.
        after = min(end + _PIECE, last)
        after -= after < last and raw[after - 1] == _CR
        digest.update(_with_lf(raw[end:after]))
        end = after
    return digest.digest()


def _without_line_ends(raw: bytes, start: int) -> int:
    """Where the mail ends without those at its end, `start` or later."""
    last = len(raw)
    while start < last:
        piece = raw[max(start, last - _PIECE) : last]
        left = len(piece.rstrip(b"\r\n"))
        last -= len(piece) - left
        if left:
            break
    return last


def _with_lf(lines: bytes) -> bytes:
    return lines.replace(b"\r\n", b"\n")


def message_id(raw: bytes) -> str:
    """As `ParsedMail.message_id`: without <>, '' when absent."""
    return message_id_of(_fields(raw))


def header_references(raw: bytes) -> tuple[str, ...]:
    """The ids of References and In-Reply-To, oldest first, at most 100."""
    fields = _fields(raw)
    return bounded((*ids_of(fields, "references"), *ids_of(fields, "in-reply-to")))


def _fields(raw: bytes) -> list[tuple[str, bytes]]:
    return scan(raw, 0, min(len(raw), _LOOKED_AT), _LOOKED_AT, skip_bad_lines=True).fields


def message_id_of(fields: list[tuple[str, bytes]]) -> str:
    value = first(fields, "message-id")[:VALUE_BYTES].decode("utf-8", "replace")
    angle = _ANGLE_ID.search(value)
    return normal_id(angle[1] if angle else value)


def normal_id(text: str) -> str:
    """White space within an id is what folding left; it never tells two ids apart."""
    return _SPACE_OR_CONTROL.sub("", text).strip("<>")[:_ID_CHARACTERS]


def ids_of(fields: list[tuple[str, bytes]], name: str) -> tuple[str, ...]:
    """Ids in angle brackets; where a client left them out, words with an @."""
    found: dict[str, None] = {}
    for value in values(fields, name):
        text = value.decode("utf-8", "replace")
        ids = _ANGLE_ID.findall(text) or [word for word in text.split() if "@" in word]
        found.update((normal, None) for normal in map(normal_id, ids) if normal)
    return bounded(tuple(found))


def bounded(ids: tuple[str, ...]) -> tuple[str, ...]:
    """The first id names the conversation's root and the last ones its newest messages: the middle can go."""
    unique = tuple(dict.fromkeys(ids))
    return unique if len(unique) <= _IDS else unique[:1] + unique[1 - _IDS :]
