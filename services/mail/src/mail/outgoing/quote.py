"""The history below an answer, as mail clients write it: "Em 21/11/2026 às 14:03, Ana escreveu:" and what she wrote."""

from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from mail.parsing.headers import plain
from mail.parsing.markup import clean, from_text

# What was quoted in the answered mail is quoted again, so that a long exchange would grow with each answer.
_TEXT_CHARACTERS = 20_000
_HTML_CHARACTERS = 100_000
_CUT = "[…]"


@dataclass(frozen=True, slots=True)
class Quoted:
    """The mail that is answered. html: as stored; may be empty."""

    name: str
    email: str
    at: datetime
    text: str
    html: str


def wrote(quoted: Quoted, time_zone: ZoneInfo) -> str:
    local = quoted.at.astimezone(time_zone)
    return f"Em {local:%d/%m/%Y} às {local:%H:%M}, {plain(quoted.name or quoted.email)} escreveu:"


def below_text(text: str, quoted: Quoted, time_zone: ZoneInfo) -> str:
    lines = shortened(quoted.text, _TEXT_CHARACTERS).split("\n")
    # A line that is quoted already gets its further mark without a space (RFC 3676, 4.5).
    marked = [f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in lines]
    return "\n".join([text.rstrip(), "", wrote(quoted, time_zone), "", *marked])


def below_html(html: str, quoted: Quoted, time_zone: ZoneInfo) -> str:
    # HTML cannot be cut anywhere; of a very large one the text is quoted. Images are not sent back.
    short = quoted.html and len(quoted.html) <= _HTML_CHARACTERS
    history = clean(quoted.html, {}) if short else from_text(shortened(quoted.text, _TEXT_CHARACTERS))
    return (
        f'{html}<br><div class="gmail_quote"><div>{escape(wrote(quoted, time_zone))}</div>'
        '<blockquote type="cite" style="margin:0 0 0 0.8ex;border-left:1px solid #ccc;padding-left:1ex">'
        f"{history}</blockquote></div>"
    )


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()}\n{_CUT}"
