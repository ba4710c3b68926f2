"""One mail, from raw bytes to `ParsedMail`. Runs in the child; never raises for what the bytes hold."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from mail.parsing import attachments, bodies, markup
from mail.parsing.addresses import parse_addresses
from mail.parsing.automatic import automatic
from mail.parsing.charsets import decode
from mail.parsing.headers import decode_words, first, plain, plain_lines, unfold, values
from mail.parsing.history import mark_history
from mail.parsing.identity import ids_of, message_id_of
from mail.parsing.model import Address, Attachment, Limits, ParsedMail
from mail.parsing.quoting import new_text, snippet
from mail.parsing.reports import report
from mail.parsing.structure import Part, parameters, split
from mail.parsing.transfer import decoded

_SUBJECT_BYTES = 8_192
_SUBJECT_CHARACTERS = 998  # the longest line of RFC 5322
_DATE_CHARACTERS = 200
_BYTES_A_CHARACTER = 4
# Both are obsolete within dates (RFC 5322, 4.3), and the standard library knows neither.
_COMMENT = re.compile(r"\([^()]*\)")
_SPACED_COLON = re.compile(r"\s*:\s*")
_SECTION_BREAK = "\n\n"
_META_BYTES = 2_048
_META_CHARSET = re.compile(rb"""<meta\s[^<>]{0,200}?charset=["']?([a-z0-9_-]{3,30})""", re.IGNORECASE)
_CID = re.compile(r"""["']cid:([^"']{1,500})""")

Fields = list[tuple[str, bytes]]


def parse(raw: bytes, folder: Path, limits: Limits) -> ParsedMail:
    """Writes the attachments into `folder`, which must exist. Raises OSError and MemoryError only."""
    warnings: set[str] = set()
    root = split(raw, limits, warnings)
    content = bodies.content(root)
    files = _attachments(raw, content.attachments, folder, limits, warnings)
    text, new, html = _body(raw, content.sections, files, limits, warnings)
    subject = _subject(root.fields, warnings)
    kind = automatic(root)
    shown = {known.lower() for known in _CID.findall(html)}
    return ParsedMail(
        message_id=message_id_of(root.fields),
        in_reply_to=ids_of(root.fields, "in-reply-to"),
        references=ids_of(root.fields, "references"),
        subject=subject,
        sender=_sender(root.fields, limits, warnings),
        reply_to=_addresses(root.fields, "reply-to", limits, warnings),
        to=_addresses(root.fields, "to", limits, warnings),
        cc=_addresses(root.fields, "cc", limits, warnings),
        date=_date(root.fields, warnings),
        text=text,
        # What servers tell of a conversation (`>>> DATA`) is no quotation.
        new_text="" if new == text or kind == "bounce" else new,
        html=html,
        snippet=snippet(text),
        attachments=tuple(
            replace(file, inline=bool(file.content_id) and file.content_id.lower() in shown) for file in files
        ),
        automatic=kind,
        report=report(raw, root, subject, text),
        warnings=tuple(sorted(warnings)),
    )


def _subject(fields: Fields, warnings: set[str]) -> str:
    value = first(fields, "subject")
    subject = decode_words(unfold(value[:_SUBJECT_BYTES], warnings), warnings).strip()
    if len(value) > _SUBJECT_BYTES or len(subject) > _SUBJECT_CHARACTERS:
        warnings.add("HEADER_TRUNCATED")
    return subject[:_SUBJECT_CHARACTERS]


def _sender(fields: Fields, limits: Limits, warnings: set[str]) -> Address:
    """The first address of From, else Sender's: a name without an address is kept, for it may be all there is."""
    for name in ("from", "sender"):
        found = _addresses(fields, name, limits, warnings)
        usable = next((address for address in found if address.email), None)
        if usable:
            return usable
        warnings.add("FROM_MISSING")
    return next(iter(_addresses(fields, "from", limits, warnings)), Address("", ""))


def _addresses(fields: Fields, name: str, limits: Limits, warnings: set[str]) -> tuple[Address, ...]:
    found: list[Address] = []
    for value in values(fields, name):
        found.extend(parse_addresses(unfold(value, warnings), limits.recipients, warnings))
        if len(found) > limits.recipients:
            warnings.add("RECIPIENTS_TRUNCATED")
            break
    return tuple(found[: limits.recipients])


def _date(fields: Fields, warnings: set[str]) -> datetime | None:
    """RFC 5322 section 3.3; a zone of -0000 or none at all is read as UTC."""
    value = unfold(first(fields, "date")[:_DATE_CHARACTERS], warnings)
    if not value:
        warnings.add("DATE_MISSING")
        return None
    try:
        date = parsedate_to_datetime(_SPACED_COLON.sub(":", _COMMENT.sub(" ", value)))
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        warnings.add("DATE_UNUSABLE")
        return None


def _attachments(raw: bytes, parts: list[Part], folder: Path, limits: Limits, warnings: set[str]) -> list[Attachment]:
    """Together never larger than the mail itself: only encodings that lie about lengths could get there."""
    files: list[Attachment] = []
    room = len(raw)
    for number, part in enumerate(parts, start=1):
        if len(files) >= limits.attachments:
            warnings.add("ATTACHMENT_DROPPED")
            break
        file = attachments.write(raw, part, number, room, folder, warnings)
        if file:
            files.append(file)
            room -= file.size
    return files


def _body(
    raw: bytes, sections: list[bodies.Section], files: list[Attachment], limits: Limits, warnings: set[str]
) -> tuple[str, str, str]:
    """Plain text, what is new of it, and cleaned HTML; a section that has only one form gets the other from it."""
    content_ids = {file.content_id.lower(): file.content_id for file in files if file.content_id}
    any_html = any(section.html for section in sections)
    texts: list[str] = []
    fresh: list[str] = []
    htmls: list[str] = []
    room_text = room_html = limits.body_characters
    for section in sections:
        if min(room_text, room_html) <= 0:
            warnings.add("BODY_TRUNCATED")
            break
        text = _text(raw, section.text, room_text, warnings) if section.text else ""
        html = ""
        if section.html:
            html = _html(raw, section.html, room_html, content_ids, warnings)
        elif any_html:
            html = _fitting(text, room_html, markup.from_text, warnings)
        of_html = not text.strip()
        text = (markup.to_text(html)[:room_text] if of_html else text).strip("\n").rstrip()
        texts.append(text)
        fresh.append(markup.to_text(html, history=False)[:room_text] if of_html and "data-quoted" in html else text)
        htmls.append(html)
        room_text -= len(text) + len(_SECTION_BREAK)
        room_html -= len(html) + 1
    new = new_text(_SECTION_BREAK.join(filter(None, fresh)))
    return _SECTION_BREAK.join(filter(None, texts)), new, "\n".join(filter(None, htmls))


def _fitting(source: str, room: int, convert: Callable[[str], str], warnings: set[str]) -> str:
    """Escapes and closed tags make the result longer than its source: it is made anew from less, never cut."""
    while len(result := convert(source)) > room:
        warnings.add("BODY_TRUNCATED")
        source = source[: min(len(source) - 1, len(source) * room // len(result) * 15 // 16)]
    return result


def _html(raw: bytes, part: Part, room: int, content_ids: dict[str, str], warnings: set[str]) -> str:
    source = _text(raw, part, room, warnings)
    if markup.is_tangled(source):
        warnings.add("HTML_TANGLED")
    else:
        # Only where there is room for the marks: they must not cost a word.
        marked = mark_history(source)
        source = marked if len(marked) <= room else source
    return _fitting(source, room, lambda html: markup.clean(html, content_ids), warnings)


def _text(raw: bytes, part: Part, most: int, warnings: set[str]) -> str:
    data, cut = decoded(raw, part, most * _BYTES_A_CHARACTER)
    # A byte order mark says how the text is encoded and is no part of it.
    text = plain_lines(decode(data, _charset(part, data), warnings, cut).removeprefix("\ufeff"))
    if cut or len(text) > most:
        warnings.add("BODY_TRUNCATED")
    return text[:most]


def _charset(part: Part, data: bytes) -> str:
    """As the field says, else as the page itself does."""
    try:
        value = parameters(part.fields, "content-type").get_param("charset", "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    charset = plain(value[2] if isinstance(value, tuple) else value or "")
    if charset or part.kind != "text/html":
        return charset
    meta = _META_CHARSET.search(data, 0, _META_BYTES)
    return meta[1].decode("ascii") if meta else ""
