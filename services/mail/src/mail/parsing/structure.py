"""The tree of MIME parts (RFC 2046) as spans of the raw mail: one linear scan that stops at its limits."""

import re
from dataclasses import dataclass, field
from email.message import Message

from mail.parsing.headers import first, scan
from mail.parsing.model import Limits

_PARAMETER_BYTES = 4_096
_PART_HEADER_BYTES = 16 * 1024
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}")


@dataclass
class Part:
    fields: list[tuple[str, bytes]]
    kind: str  # the content type in lower case
    start: int  # of the body
    end: int
    depth: int
    boundary: bytes  # b'' if it is no multipart
    children: list["Part"] = field(default_factory=list)


def split(raw: bytes, limits: Limits, warnings: set[str]) -> Part:
    """Adds PARTS_TRUNCATED, DEPTH_TRUNCATED, HEADER_TRUNCATED, BOUNDARY_MISSING to `warnings`.

    A multipart beyond the depth stays a leaf, one without any part becomes plain text: nothing of it gets lost.
    """
    block = scan(raw, 0, len(raw), limits.header_bytes, skip_bad_lines=True)
    if block.truncated:
        warnings.add("HEADER_TRUNCATED")
    root = _part(block.fields, block.body, len(raw), 0, "text/plain", limits, warnings)
    _split_into(root, raw, limits, warnings)
    return root


def _split_into(root: Part, raw: bytes, limits: Limits, warnings: set[str]) -> None:
    stack = [root] if root.boundary else []
    leaf: Part | None = None
    position, parts = root.start, 1
    delimiter = _delimiter(stack)
    while stack and (line := delimiter.search(raw, position)):
        position = line.end()
        # The innermost of equal boundaries is meant: an outer one could not be told from it.
        index = max(index for index, part in enumerate(stack) if part.boundary == line[1])
        opening = line[2] is None
        _end(stack, leaf, index, _before_line_break(raw, line.start()))
        del stack[index + opening :]
        leaf = None
        if opening and parts >= limits.parts:
            warnings.add("PARTS_TRUNCATED")
            break
        if opening:
            leaf, parts = _child(stack[index], raw, _after_line(raw, position), limits, warnings), parts + 1
            position = leaf.start
            stack.extend([leaf] if leaf.boundary else [])
        delimiter = _delimiter(stack)
    _without_parts(root, warnings)


def _delimiter(stack: list[Part]) -> re.Pattern[bytes]:
    """A whole line, with the longer boundary first: one may begin with another, or be another and two dashes."""
    boundaries = sorted({part.boundary for part in stack}, key=len, reverse=True)
    return re.compile(rb"^--(%b)(--)?[ \t]*\r?$" % b"|".join(map(re.escape, boundaries)), re.MULTILINE)


def _end(stack: list[Part], leaf: Part | None, index: int, position: int) -> None:
    """A delimiter of an outer multipart ends the inner ones, whether or not they were closed."""
    for part in (*stack[index + 1 :], *([leaf] if leaf else [])):
        part.end = max(part.start, position)


def _child(parent: Part, raw: bytes, start: int, limits: Limits, warnings: set[str]) -> Part:
    block = scan(raw, start, len(raw), _PART_HEADER_BYTES, skip_bad_lines=False)
    if block.truncated:
        warnings.add("HEADER_TRUNCATED")
    default = "message/rfc822" if parent.kind == "multipart/digest" else "text/plain"
    child = _part(block.fields, block.body, len(raw), parent.depth + 1, default, limits, warnings)
    parent.children.append(child)
    return child


def _part(
    fields: list[tuple[str, bytes]], start: int, end: int, depth: int, default: str, limits: Limits, warnings: set[str]
) -> Part:
    kind = content_type(fields, default)
    boundary = b""
    if kind.startswith("multipart/"):
        boundary = _boundary(fields)
        if depth >= limits.depth:
            warnings.add("DEPTH_TRUNCATED")
            kind, boundary = "application/octet-stream", b""
    return Part(fields, kind, start, end, depth, boundary)


def _without_parts(root: Part, warnings: set[str]) -> None:
    pending = [root]
    while pending:
        part = pending.pop()
        pending.extend(part.children)
        if part.kind.startswith("multipart/") and not part.children:
            warnings.add("BOUNDARY_MISSING")
            part.kind, part.boundary = "text/plain", b""


def content_type(fields: list[tuple[str, bytes]], default: str) -> str:
    value = first(fields, "content-type")[:_PARAMETER_BYTES].decode("latin-1")
    kind = value.partition(";")[0].strip().lower()
    if kind == "text":
        return "text/plain"
    return kind if _TYPE.fullmatch(kind) else default


def parameters(fields: list[tuple[str, bytes]], name: str) -> Message:
    """A message of the standard library with this one field, for its reading of parameters (RFC 2045, RFC 2231)."""
    message = Message()
    value = first(fields, name)[:_PARAMETER_BYTES]
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    message[name] = re.sub(r"[\r\n]+[ \t]*", " ", text).strip()
    return message


def _boundary(fields: list[tuple[str, bytes]]) -> bytes:
    try:
        boundary = parameters(fields, "content-type").get_boundary()
    except (ValueError, LookupError, TypeError, AttributeError):
        return b""
    return (boundary or "").rstrip().encode("latin-1", "replace")[:250]


def _before_line_break(raw: bytes, position: int) -> int:
    """The line break before a delimiter belongs to it (RFC 2046 section 5.1.1)."""
    if raw[position - 2 : position] == b"\r\n":
        return position - 2
    return position - 1 if raw[position - 1 : position] == b"\n" else position


def _after_line(raw: bytes, position: int) -> int:
    line_end = raw.find(b"\n", position)
    return len(raw) if line_end < 0 else line_end + 1
