"""Address lists of header fields (RFC 5322 section 3.4), read leniently in one linear pass."""

import re
from dataclasses import dataclass, field

from mail.parsing.headers import decode_words
from mail.parsing.model import Address

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|<([^<>]*)>|([(),;:])|(\\.|[^"<(),;:\\\s]+|["<\\])')
_COMMENT_OR_SPACE = re.compile(r"\([^()]*\)|\s+")
_SPACE = re.compile(r"\s")
_QUOTED_PAIR = re.compile(r"\\(.)")
# Invisible characters and direction marks would make an address that looks like another one.
_INVISIBLE = "\x00-\x20\x7f-\xa0\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufeff\ufffd"
_EMAIL = re.compile(rf"""[^{_INVISIBLE}<>(),;:"\\@\[\]]{{1,64}}@[^{_INVISIBLE}<>(),;:"\\@]{{1,255}}""")
_NAME_CHARACTERS = 300
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass
class _Mailbox:
    words: list[str] = field(default_factory=list)
    comment: list[str] = field(default_factory=list)
    email: str = ""


def parse_addresses(value: str, limit: int, warnings: set[str]) -> tuple[Address, ...]:
    """At most `limit` addresses of an unfolded, still encoded value; groups are flattened, their names dropped.
    Adds RECIPIENTS_TRUNCATED to `warnings`."""
    found: list[Address] = []
    box, depth = _Mailbox(), 0
    for token in _TOKEN.finditer(value):
        quoted, angle, mark, word = token.groups()
        if mark in ("(", ")") or depth:
            depth = max(0, depth + (mark == "(") - (mark == ")"))
            if mark not in ("(", ")"):
                box.comment.append(token[0])
        elif quoted is not None:
            box.words.append(_QUOTED_PAIR.sub(r"\1", quoted))
        elif angle is not None:
            box.email = box.email or angle
        elif mark == ":" and not box.email:
            box = _Mailbox()
        elif mark == ";" or (mark == "," and not _name_goes_on(box, value, token.end())):
            _keep(box, found, warnings)
            box = _Mailbox()
        elif mark is not None:
            box.words.append(mark)
        elif word not in ('"', "<"):
            box.words.append(word)
        if len(found) > limit:
            break
    else:
        _keep(box, found, warnings)
    if len(found) > limit:
        warnings.add("RECIPIENTS_TRUNCATED")
    return tuple(found[:limit])


def _name_goes_on(box: _Mailbox, value: str, position: int) -> bool:
    """`Silva, Ana <ana@example.com>`: a comma that senders forgot to quote stands before an address in angles."""
    if box.email or not box.words or any("@" in word for word in box.words):
        return False
    following = value[position : position + _NAME_CHARACTERS]
    return "<" in following and "@" not in following.partition("<")[0] and "," not in following.partition("<")[0]


def _keep(box: _Mailbox, found: list[Address], warnings: set[str]) -> None:
    """Several where senders left out the commas between bare addresses."""
    words = box.words
    if not words and not box.email:
        return
    email, *others = [normal_email(box.email)]
    if not email:
        words = _joined(words, ".")
        # A lone @ is a word of the name where an address stands beside it: `Ana @ Loja ana@example.com`.
        if not any(map(_email_of_word, words)):
            words = _joined(words, "@")
        email, *others = list(filter(None, map(_email_of_word, words))) or [""]
        words = [word for word in words if not email or "@" not in word]
    text = " ".join(words) or " ".join(box.comment)
    name = _BIDI.sub("", decode_words(text[:4000], warnings)).strip(" '")[:_NAME_CHARACTERS].replace(" , ", ", ")
    if name or email:
        found.append(Address(name="" if name.casefold() == email.casefold() else name, email=email))
    found.extend(Address("", other) for other in others)


def _joined(words: list[str], mark: str) -> list[str]:
    """`ana @ example . com`: spaces around the dots and the @ of an address are obsolete (RFC 5322, 4.4)."""
    joined: list[str] = []
    open_end = False
    for word in words:
        follows = open_end or word == mark or (mark == "@" and word.startswith(mark))
        if follows and joined and not _SPACE.search(joined[-1]):
            joined[-1] += word
        else:
            joined.append(word)
        open_end = word == mark or (mark == "@" and word.endswith(mark))
    return joined


def _email_of_word(word: str) -> str:
    """'' where it has spaces, which come from quotes: `"ana silva"@example.com` is not anasilva@example.com."""
    return "" if _SPACE.search(word) else normal_email(word)


def normal_email(text: str) -> str:
    """'' unless it looks like local@domain; the local part keeps its case (RFC 5321 section 2.4)."""
    text = _COMMENT_OR_SPACE.sub("", text[:1000]).removeprefix("mailto:")
    if ":" in text and text.startswith("@"):
        text = text.rpartition(":")[2]  # an obsolete source route
    match = _EMAIL.fullmatch(text)
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower().rstrip('.')}" if match and domain.strip(".") else ""
