"""Where the new text of a reply ends and the quoted history begins, in Brazilian Portuguese and English.

Every pattern is tried on one short line at its start, and only on the first lines of a mail: hostile history cannot
make this slow.
"""

import re

_LOOKED_AT = 20_000
_LINE = 400
_SNIPPET = 200
_WROTE_BEGINS = re.compile(r"(em|on|el|le|am)\s\S", re.IGNORECASE)
_WROTE_ENDS = re.compile(r"(escreveu|escreveram|wrote|escribi[oó]|a écrit|schrieb)\s*:?\s*$", re.IGNORECASE)
_SEPARATOR = re.compile(
    r"[-_\s]*(mensagem (original|encaminhada)|mensagem original encaminhada|original (message|appointment)"
    r"|forwarded message|mensaje original|in[ií]cio da mensagem (encaminhada|reenviada)"
    r"|begin forwarded message)\s*[-_:\s]{0,40}$",
    re.IGNORECASE,
)
_RULE = re.compile(r"_{10,}\s*$")
_FROM_FIELD = re.compile(r"[*\s]{0,4}(de|from)\s?\*?\s?:", re.IGNORECASE)
_OTHER_FIELD = re.compile(
    r"[*\s]{0,4}(enviad[ao]( em)?|data|para|assunto|cc|sent|date|to|subject|res|enc|re|fw|fwd)\s?\*?\s?:", re.IGNORECASE
)
_SUBJECT_ECHO = re.compile(r"(res|enc|re|fwd?)\s?:\s", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
# The zero-width joiner stays: it holds composed emoji together.
_HIDDEN = re.compile("[\u00ad\u034f\u061c\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def snippet(text: str) -> str:
    """The first 200 characters of what is new; of a mail that is all history, of the history."""
    lines = [line[:_LINE] for line in text[:_LOOKED_AT].split("\n")]
    return _folded(new_lines(lines)) or _folded([line.lstrip("> ") for line in lines])


def new_text(text: str) -> str:
    """The text without quoted history; '' where nothing is quoted."""
    lines = text.split("\n")
    kept = new_lines(lines)
    return "" if len(kept) == len(lines) else "\n".join(kept).strip("\n")


def new_lines(lines: list[str]) -> list[str]:
    """The lines before the history, without quoted ones (answers between them are new) and without the echo of a
    subject (`RES: …`) in the first line."""
    kept: list[str] = []
    for index, line in enumerate(lines):
        if _history_begins(lines, index):
            break
        if line.startswith(">") or (not kept and _SUBJECT_ECHO.match(line)):
            continue
        kept.append(line)
    return kept


def _history_begins(lines: list[str], index: int) -> bool:
    line = lines[index].strip()
    if _SEPARATOR.match(line):
        return True
    following = [after.strip() for after in lines[index + 1 : index + 7] if after.strip()][:3]
    if _RULE.match(line):
        return bool(following) and _FROM_FIELD.match(following[0]) is not None
    if _FROM_FIELD.match(line):
        return any(_OTHER_FIELD.match(after) for after in following)
    # Clients fold the line of who wrote when after about 76 characters, thus over up to three lines.
    return _WROTE_BEGINS.match(line) is not None and any(
        _WROTE_ENDS.search(part[-40:]) for part in _until_empty([line, *following[:2]])
    )


def _until_empty(lines: list[str]) -> list[str]:
    return lines[: lines.index("")] if "" in lines else lines


def _folded(lines: list[str]) -> str:
    text = _SPACE.sub(" ", _HIDDEN.sub("", " ".join(lines))).strip()
    if len(text) <= _SNIPPET:
        return text
    cut = text[:_SNIPPET]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > _SNIPPET // 2 else cut) + "…"
