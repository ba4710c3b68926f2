"""Which parts are the body, in which order, and which are attachments (RFC 2046, RFC 2387)."""

from dataclasses import dataclass

from mail.parsing.attachments import disposition, stated_name
from mail.parsing.automatic import STATUS_KINDS
from mail.parsing.structure import Part

# Further forms of the text beside plain and HTML (RFC 1896, AMP for mail, Apple's watch): no files.
_OTHER_FORMS = ("text/enriched", "text/richtext", "text/rtf", "text/watch-html", "text/x-amp-html")


@dataclass
class Section:
    """One stretch of the body, in one or both forms."""

    text: Part | None = None
    html: Part | None = None


@dataclass
class Content:
    sections: list[Section]
    attachments: list[Part]


def content(root: Part) -> Content:
    """Recurses at most as deep as the structure was split."""
    found = Content([], [])
    _collect(root, found, alone=True)
    if not found.sections and root.kind == "multipart/report":
        _take_status_as_text(found)
    return found


def _take_status_as_text(found: Content) -> None:
    """Some servers label their explanation as the status as well; without any, the status says what there is to say."""
    status = next((part for part in found.attachments if part.kind in STATUS_KINDS), None)
    if status is not None:
        found.attachments.remove(status)
        found.sections.append(Section(text=status))


def _collect(part: Part, found: Content, *, alone: bool) -> None:
    if not part.children:
        _collect_leaf(part, found, alone=alone)
    elif part.kind == "multipart/alternative":
        _collect_alternative(part, found)
    elif part.kind == "multipart/related":
        _collect(part.children[0], found, alone=alone)
        for child in part.children[1:]:
            _collect_related(child, found)
    else:
        for child in part.children:
            _collect(child, found, alone=False)


def _collect_leaf(part: Part, found: Content, *, alone: bool) -> None:
    attached = disposition(part) == "attachment" or (not alone and bool(stated_name(part, set())))
    if part.kind == "text/plain" and not attached:
        found.sections.append(Section(text=part))
    elif part.kind == "text/html" and not attached:
        found.sections.append(Section(html=part))
    else:
        found.attachments.append(part)


def _collect_alternative(part: Part, found: Content) -> None:
    """The first plain text and the last HTML (the richest, RFC 2046 section 5.1.4) are one section."""
    inner = Content([], [])
    for child in part.children:
        _collect(child, inner, alone=True)
    merged = Section(
        text=next((section.text for section in inner.sections if section.text), None),
        html=next((section.html for section in reversed(inner.sections) if section.html), None),
    )
    if merged.text or merged.html:
        found.sections.append(merged)
    found.attachments.extend(
        part for part in inner.attachments if not (merged.text or merged.html) or not _is_other_form(part)
    )


def _is_other_form(part: Part) -> bool:
    # One that has a name was attached, whatever else its fields say.
    return part.kind in _OTHER_FORMS and disposition(part) != "attachment" and not stated_name(part, set())


def _collect_related(part: Part, found: Content) -> None:
    """What belongs to the first part of a related body is a file even when it is text."""
    if part.children:
        for child in part.children:
            _collect_related(child, found)
    else:
        found.attachments.append(part)
