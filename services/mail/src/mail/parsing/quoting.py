"""Where the new text of a reply ends and the quoted history begins, in Brazilian Portuguese and English.

No library does this for Portuguese, so here stands the table. Every pattern is tried on one short line at its start:
hostile history cannot make this slow.
"""

import re
from collections.abc import Sequence
from typing import Literal

_LOOKED_AT = 20_000
# Nobody writes so many new ones; a hostile mail has a million.
_LOOKED_AT_LINES = 5_000
_LINE = 400
_SNIPPET = 200
_WROTE_BEGINS = re.compile(r"(em|on|at|el|le|am)\s\S", re.IGNORECASE)
_WROTE_ENDS = re.compile(r"(escreveu|escreveram|wrote|escribi[oó]|a écrit|schrieb)\s*(:|-{2,})\s*$", re.IGNORECASE)
# `SAC <sac@example.com> escreveu em seg., 6 de out. de 2025:`, `2025-10-06 10:00 GMT-03:00 SAC <sac@example.com>:`
_ADDRESS_WROTE = re.compile(
    r"[^<]{0,150}<[^<>\s@]{1,64}@[^<>\s]{1,255}>,?\s(escreveu|wrote)(\s(em|on)\s.{1,80})?:$", re.IGNORECASE
)
_TIME_ADDRESS = re.compile(r"\d{4}-\d\d-\d\d \d{1,2}:\d\d\s[^<]{1,150}<[^<>\s@]{1,64}@[^<>\s]{1,255}>:$")
_SEPARATOR = re.compile(
    r"[-_\s]{0,80}(mensagem (original|encaminhada)|mensagem original encaminhada|original (message|appointment)"
    r"|forwarded message|mensaje original|in[ií]cio da mensagem (encaminhada|reenviada)"
    r"|begin forwarded message)(\s(de|por|from|by)\s.{1,80}[-_])?\s{0,10}[-_:\s]{0,80}$",
    re.IGNORECASE,
)
_RULE = re.compile(r"_{10,}$")
_FIELD = re.compile(
    r"[*\s]{0,4}(de|from|enviad[ao]s?(?: em)?|sent|data|date|para|to|cc|assunto|subject|responder a|reply-to)"
    r"\s?\*?\s?:\s*\*?\s*(.*)",
    re.IGNORECASE,
)
_FROM, _SENT, _SUBJECT = ("de", "from"), ("enviad", "sent"), ("assunto", "subject")
_FIELDS_AFTER = 5
_SUBJECT_ECHO = re.compile(r"(res|enc|re|fwd?)\s?:\s", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_SPACE = re.compile(r"\s+")
# The zero-width joiner stays: it holds composed emoji together.
_HIDDEN = re.compile("[\u00ad\u034f\u061c\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

# WROTE: the line of who wrote when, before what they wrote. ALL: from here on everything is history.
Beginning = Literal["", "WROTE", "ALL"]


def snippet(text: str) -> str:
    """The first 200 characters of what is new; of a mail that is all history, of the history."""
    lines = [line[:_LINE] for line in text[:_LOOKED_AT].split("\n")]
    new = new_lines(lines)
    # Some clients repeat the subject in the first line.
    echo = bool(new) and _SUBJECT_ECHO.match(new[0]) is not None
    return _folded(new[echo:]) or _folded([line.lstrip("> ") for line in lines])


def new_text(text: str) -> str:
    """The text without quoted history; the very text where nothing is quoted."""
    lines = text.split("\n")
    kept = new_lines(lines)
    return text if len(kept) == len(lines) else "\n".join(kept).strip("\n")


def new_lines(lines: Sequence[str]) -> list[str]:
    """The lines before the history and without quoted ones: answers between quoted lines are new."""
    heads = [line[:_LINE].strip() for line in lines]
    kept: list[str] = []
    index = 0
    while index < len(lines):
        kind, length = history_begins(heads, index)
        if kind == "ALL" or (kind == "WROTE" and not _quoted_next(heads, index + length)):
            break
        if not kind and not heads[index].startswith(">"):
            kept.append(lines[index])
        index += length
    return kept


def history_begins(heads: Sequence[str], index: int) -> tuple[Beginning, int]:
    """Whether history begins with this line, and how many lines say so. heads: the lines' beginnings, stripped."""
    line = heads[index]
    if not line or line.startswith(">") or index > _LOOKED_AT_LINES:
        return "", 1
    if _SEPARATOR.match(line):
        return "ALL", 1
    if _RULE.match(line) and _is_header(_after(heads, index)):
        return "ALL", 1
    if _is_header([line, *_after(heads, index)]):
        return "ALL", 1
    length = _who_wrote(heads, index)
    return ("WROTE", length) if length else ("", 1)


def _after(heads: Sequence[str], index: int) -> list[str]:
    return [head for head in heads[index + 1 : index + 2 * _FIELDS_AFTER] if head][:_FIELDS_AFTER]


def _is_header(lines: Sequence[str]) -> bool:
    """Fields of a mail, the sender's first or second. `De: Recife, Para: Natal, Data: …` may be somebody's journey: a
    header has an address, says when it was sent, or has a subject."""
    fields: dict[str, str] = {}
    for line in lines:
        field = _FIELD.match(line)
        if not field:
            break
        fields[field[1].lower()] = field[2]
    sender = next((name for name in list(fields)[:2] if name in _FROM), None)
    if sender is None or len(fields) < 2:
        return False
    sent = any(name.startswith(_SENT) for name in fields)
    return sent or any("@" in value for value in fields.values()) or any(name in _SUBJECT for name in fields)


def _who_wrote(heads: Sequence[str], index: int) -> int:
    """How many lines say who wrote when; clients fold that after about 76 characters, thus over up to three."""
    line = heads[index].lstrip("- ")
    if _ADDRESS_WROTE.match(line) or _TIME_ADDRESS.match(line):
        return 1
    if not _WROTE_BEGINS.match(line):
        return 0
    digits = False
    for length, part in enumerate(heads[index : index + 3], start=1):
        if not part:
            return 0
        digits = digits or _DIGIT.search(part) is not None
        if _WROTE_ENDS.search(part[-40:]):
            return length if digits or "@" in part else 0
    return 0


def _quoted_next(heads: Sequence[str], index: int) -> bool:
    """Whether the next line with anything on it is quoted."""
    return next((head.startswith(">") for head in heads[index : index + 4] if head), False)


def _folded(lines: list[str]) -> str:
    text = _SPACE.sub(" ", _HIDDEN.sub("", " ".join(lines))).strip()
    if len(text) <= _SNIPPET:
        return text
    cut = text[:_SNIPPET]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > _SNIPPET // 2 else cut) + "…"
