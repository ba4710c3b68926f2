"""The first words to a customer: that their message is here, and under which number."""

import re
from html import escape
from typing import NamedTuple

DEFAULT_TEXT = (
    "Olá!\n\n"
    "Recebemos a sua mensagem e já abrimos um atendimento para você. Em breve responderemos por este mesmo e-mail."
)
CLOSING = (
    "Para acrescentar alguma informação, basta responder a esta mensagem.\n\n"
    "Esta é uma confirmação automática de recebimento."
)
NO_SUBJECT = "Sua mensagem"
# RFC 3834, 3.1.5, and what Exchange heeds besides ([MS-OXCMAIL] 2.2.3.2.14).
FIELDS = {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}

_REPLY_MARKS = re.compile(r"(?:\s*(?:re|res|enc|fw|fwd|aw|rv|tr)\s?(?:\[\d+\])?\s?:)+\s*", re.IGNORECASE)
_SUBJECT_CHARACTERS = 300


class Body(NamedTuple):
    text: str
    html: str


def reply_subject(subject: str, protocol: str) -> str:
    """`Re: …` once, however often it was answered, with the protocol at its end, where there is one."""
    mark = f"[Protocolo {protocol}]" if protocol else ""
    bare = _REPLY_MARKS.sub("", subject, count=1) if _REPLY_MARKS.match(subject) else subject
    bare = bare.replace(mark, "").strip() if mark else bare.strip()
    return f"Re: {bare[:_SUBJECT_CHARACTERS] or NO_SUBJECT} {mark}".strip()


def body(words: str, protocol: str) -> Body:
    """words: of the department; empty: the product's own."""
    said, number = words.strip() or DEFAULT_TEXT, f"Protocolo: {protocol}"
    text = f"{said}\n\n{number}\n\n{CLOSING}\n"
    html = paragraphs(said) + f"<p><strong>{escape(number)}</strong></p>" + paragraphs(CLOSING)
    return Body(text, html)


def paragraphs(text: str) -> str:
    found = [paragraph.strip() for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]
    return "".join("<p>" + escape(paragraph).replace("\n", "<br>") + "</p>" for paragraph in found)
