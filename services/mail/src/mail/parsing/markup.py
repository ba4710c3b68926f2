"""HTML of mails: cleaned to a closed list, and turned into plain text."""

import re
from collections import Counter
from collections.abc import Mapping
from html import escape, unescape
from urllib.parse import unquote

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from mail.parsing.headers import plain_lines


def _words(text: str) -> set[str]:
    return set(text.split())


_TAGS = _words(
    "a abbr address b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em font h1"
    " h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub sup table tbody td tfoot"
    " th thead time tr tt u ul var wbr"
)
_WITH_CONTENT_DROPPED = _words(
    "script style title template noscript iframe object embed applet svg math xml textarea select"
)
_ATTRIBUTES = {
    # data-quoted: history, marked by mail.parsing.history, for the page to fold.
    "*": {"style", "dir", "lang", "title", "align", "valign", "data-quoted"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height", "border", "data-remote-src"},
    "table": {"width", "height", "border", "cellpadding", "cellspacing", "bgcolor"},
    "td": {"width", "height", "colspan", "rowspan", "bgcolor", "nowrap"},
    "th": {"width", "height", "colspan", "rowspan", "bgcolor", "nowrap"},
    "tr": {"bgcolor", "height"},
    "col": {"width", "span"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"value"},
    "hr": {"width", "size"},
}
# None of these can load anything or leave the place of its element.
_STYLE_PROPERTIES = _words(
    "background-color border border-bottom border-collapse border-color border-left border-radius border-right"
    " border-spacing border-style border-top border-width color direction display font font-family font-size font-style"
    " font-variant font-weight height letter-spacing line-height list-style-type margin margin-bottom margin-left"
    " margin-right margin-top max-height max-width min-height min-width padding padding-bottom padding-left"
    " padding-right padding-top table-layout text-align text-decoration text-indent text-transform vertical-align"
    " white-space width word-break word-spacing word-wrap"
)
_SCHEMES = {"http", "https", "mailto", "tel", "cid"}
_REMOTE = re.compile(r"\s*(https?:)?//[^\s]", re.IGNORECASE)
BREAKS = {
    **dict.fromkeys(_words("address caption center dd div dl dt hr li tr"), 1),
    **dict.fromkeys(_words("blockquote h1 h2 h3 h4 h5 h6 ol p pre table ul"), 2),
}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})")
_ANY_TAG = re.compile(r"<[^<>]*>")
_LONG_TAG = re.compile(r"<[^<>]{10000,}")
_NEVER_OPEN = _words(
    "area base br col embed hr img input link meta param source track wbr"
)  # and those closed silently:
_NEVER_OPEN |= _words("p li td th tr tbody thead tfoot colgroup dd dt option optgroup o:p")
_OPEN_ELEMENTS = 2_000
_ATTRIBUTES_OF_A_TAG = 1_000
_AMPERSANDS = 200_000
# A table of two megabytes with one digit in each cell has 400,000. Those that begin no tag become four signs each.
_ANGLES = 500_000
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_EMPTY_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")


def clean(html: str, content_ids: Mapping[str, str]) -> str:
    """`content_ids` maps the lower-cased content ids of the mail's own parts to themselves as written; images of
    other mails and of data: addresses are dropped, remote ones wait in data-remote-src until somebody asks. What
    `is_tangled` becomes its text. Cleaning what was cleaned changes nothing."""
    if is_tangled(html):
        return from_text(without_tags(html))

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "src":
            known = content_ids.get(_content_id(value))
            return f"cid:{known}" if known else None
        if attribute == "data-remote-src":
            return value.strip() if _REMOTE.match(value) else None
        if attribute == "data-quoted":
            return value if value == "true" else None
        if attribute == "href" and value.strip().lower().startswith("cid:"):
            return None
        return value

    cleaned = nh3.clean(
        _without_remote_images(html),
        tags=_TAGS,
        clean_content_tags=_WITH_CONTENT_DROPPED,
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel="noopener noreferrer",
        filter_style_properties=_STYLE_PROPERTIES,
    ).strip()
    # Broken HTML can hide how deep it goes; what comes out cannot, and is parsed each time it is read.
    return from_text(without_tags(cleaned)) if is_tangled(cleaned) else cleaned


def _content_id(address: str) -> str:
    scheme, _, rest = address.strip().partition(":")
    return unquote(rest).strip("<> ").lower() if scheme.lower() == "cid" else ""


def _without_remote_images(html: str) -> str:
    """Moves the address before cleaning, so that the cleaner has the last word on every attribute."""
    if "<img" not in html.lower() and "<image" not in html.lower():
        return html
    document = LexborHTMLParser(html)
    for image in document.css("img"):
        address = image.attributes.get("src") or ""
        if _REMOTE.match(address):
            address = address.strip()
            image.attrs["data-remote-src"] = address if ":" in address.partition("/")[0] else f"https:{address}"
            del image.attrs["src"]
    return document.html or ""


def is_tangled(html: str) -> bool:
    """Whether parsing it would take quadratic time: every HTML parser at hand walks all open elements for each new
    one, all attributes of a tag for each new one, and stumbles over each `&` and `<`. No mail client writes so."""
    angles = html.count("<")
    if angles > _ANGLES or (angles > _OPEN_ELEMENTS and _is_nested(html)):
        return True
    if html.count("&") > _AMPERSANDS:
        return True
    return any(
        len(tag[0].split(maxsplit=_ATTRIBUTES_OF_A_TAG)) > _ATTRIBUTES_OF_A_TAG for tag in _LONG_TAG.finditer(html)
    )


def _is_nested(html: str) -> bool:
    """Exact for cleaned HTML, where tags stand in pairs; of other HTML an estimate."""
    still_open: Counter[str] = Counter()
    depth = 0
    for closing, tag in _TAG.findall(html):
        name = tag.lower()
        if name in _NEVER_OPEN or (closing and not still_open[name]):
            continue
        still_open[name] += -1 if closing else 1
        depth += -1 if closing else 1
        if depth > _OPEN_ELEMENTS:
            return True
    return False


def without_tags(html: str) -> str:
    return _SPACE.sub(" ", plain_lines(unescape(_ANY_TAG.sub(" ", html))))


def from_text(text: str) -> str:
    return f'<div style="white-space:pre-wrap">{escape(text)}</div>'


def to_text(html: str, *, history: bool = True) -> str:
    """Plain text of cleaned HTML; without what is marked as history if so wished. Walks without recursion: nesting is
    the sender's choice."""
    body = LexborHTMLParser(html).body
    if body is None:
        return ""
    pieces: list[str] = []
    breaks, in_pre = 0, 0
    node: LexborNode | None = body
    entering = True
    while node is not None:
        tag = node.tag or ""
        if not history and entering and not tag.startswith("-") and "data-quoted" in node.attributes:
            entering = False
        if tag == "-text":
            text = node.text_content or ""
            text = text if in_pre else _SPACE.sub(" ", text)
            text = text.lstrip(" ") if breaks or not pieces else text
            if text:
                pieces.append("\n" * min(breaks, 2) if pieces else "")
                pieces.append(text)
                breaks = 0
        elif tag == "br":
            breaks += entering
        elif tag in ("td", "th") and not entering:
            pieces.append(" ")
        else:
            breaks = max(breaks, BREAKS.get(tag or "", 0))
            in_pre += (tag == "pre") * (1 if entering else -1)
            if tag == "li" and entering:
                pieces.extend(("\n" * min(breaks, 2) if pieces else "", "- "))
                breaks = 0
        node, entering = following(node, entering, body)
    return _EMPTY_LINES.sub("\n\n", "".join(pieces).replace(" \n", "\n")).strip()


def following(node: LexborNode, entering: bool, root: LexborNode) -> tuple[LexborNode | None, bool]:
    if entering and (child := node.first_child) is not None:
        return child, True
    if entering and node.tag not in ("-text", "-comment"):
        return node, False
    if node.mem_id == root.mem_id:
        return None, False
    if (after := node.next) is not None:
        return after, True
    return node.parent, False
