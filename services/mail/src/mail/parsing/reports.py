"""What a mail tells of the delivery of another one: by RFC 3464 and RFC 6533, or by returning it in its own words."""

import re
from collections.abc import Iterator

from mail.parsing.automatic import STATUS_KINDS
from mail.parsing.headers import first, plain, scan, unfold, values
from mail.parsing.identity import message_id_of
from mail.parsing.model import Report, Undelivered
from mail.parsing.structure import Part
from mail.parsing.transfer import decoded

_RETURNED_KINDS = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global",
    "message/global-headers",
)
# A report has one (RFC 3464, 2); a hostile mail has as many as it may have parts.
_STATUS_PARTS = 5
_STATUS_BYTES = 64 * 1024
_HEADER_BYTES = 64 * 1024
_RECIPIENTS = 50
_UNDELIVERED = 2 * _RECIPIENTS
_RECIPIENT_DETAIL_CHARACTERS = 500
_RETURNED = 5
_DETAIL_CHARACTERS = 1_000
_WORDS_OF_TEXT = 100_000
# The worst first: of several recipients one that failed is what matters.
_ACTIONS = ("failed", "delayed", "relayed", "expanded", "delivered")
_TYPE = re.compile(r"\A[\w-]{1,40}\s{0,10};\s{0,10}")
# Servers that know no reports repeat the header of the returned mail in their text.
_IN_TEXT = re.compile(r"^[> \t]{0,20}message-id:[ \t]{0,20}<([^<>\s]{1,500})>", re.IGNORECASE | re.MULTILINE)
_LATER = re.compile(
    r"delayed|delivery delay|could not send message for past|still being retried|atrasad[ao]|adiad[ao]", re.I
)


def report(raw: bytes, root: Part, subject: str, text: str) -> Report:
    """Of any mail: whether it is a report is for others to say. Never raises for what the bytes hold."""
    parts = list(_parts(root))
    returned = [*_returned_ids(raw, parts), *_IN_TEXT.findall(text[:_WORDS_OF_TEXT])]
    ids = tuple(dict.fromkeys(filter(None, returned)))[:_RETURNED]
    told = [part for part in parts if part.kind in STATUS_KINDS][:_STATUS_PARTS]
    recipients = [fields for part in told for fields in _recipients(raw, part)]
    if not recipients:
        return Report("delayed" if _LATER.search(subject) else "", "", ids)
    action = next((action for action in _ACTIONS if any(_action(fields) == action for fields in recipients)), "")
    details = {_detail(fields): None for fields in recipients if _action(fields) == action}
    undelivered = [one for fields in recipients if _action(fields) == "failed" for one in _undelivered(fields)]
    return Report(action, "; ".join(filter(None, details))[:_DETAIL_CHARACTERS], ids, tuple(undelivered[:_UNDELIVERED]))


Fields = list[tuple[str, bytes]]


def _parts(root: Part) -> Iterator[Part]:
    pending = [root]
    while pending:
        part = pending.pop()
        yield part
        pending.extend(reversed(part.children))


def _returned_ids(raw: bytes, parts: list[Part]) -> Iterator[str]:
    returned = [part for part in parts if part.kind in _RETURNED_KINDS][:_RETURNED]
    for part in returned:
        header, _ = decoded(raw, part, _HEADER_BYTES)
        yield message_id_of(scan(header, 0, len(header), _HEADER_BYTES, skip_bad_lines=True).fields)


def _recipients(raw: bytes, part: Part) -> Iterator[Fields]:
    """The groups of fields that tell of a recipient; the first one of a report is about the report itself."""
    content, _ = decoded(raw, part, _STATUS_BYTES)
    groups = re.split(rb"\r?\n[ \t]*\r?\n", content)
    for group in groups[: 2 * _RECIPIENTS]:
        fields = scan(group + b"\n\n", 0, len(group) + 2, _STATUS_BYTES, skip_bad_lines=True).fields
        if first(fields, "action") or first(fields, "final-recipient"):
            yield fields


def _action(fields: Fields) -> str:
    """RFC 3464, 2.3.3; without one, as RFC 3463's class of the status says."""
    action = _word(fields, "action").partition(" ")[0].lower()
    if action in _ACTIONS:
        return action
    return {"5": "failed", "4": "delayed", "2": "delivered"}.get(_word(fields, "status")[:1], "")


def _undelivered(fields: Fields) -> Iterator[Undelivered]:
    """RFC 3464, 2.3.1 and 2.3.2: the address as it was given to the server, and as it was in the end."""
    detail = _detail(fields)[:_RECIPIENT_DETAIL_CHARACTERS]
    found = (_word(fields, name).rpartition(";")[2].strip(" <>") for name in ("original-recipient", "final-recipient"))
    return (Undelivered(email, detail) for email in dict.fromkeys(found) if "@" in email)


def _detail(fields: Fields) -> str:
    for value in values(fields, "diagnostic-code"):
        words = _TYPE.sub("", plain(unfold(value[:8_192], set())).strip())
        if words:
            return words[:_DETAIL_CHARACTERS]
    return _word(fields, "status")


def _word(fields: Fields, name: str) -> str:
    return plain(unfold(first(fields, name)[:500], set())).partition("(")[0].strip()
