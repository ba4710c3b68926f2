"""Marks the history that is quoted in the HTML of a mail with data-quoted="true", for pages to fold and texts to skip.

Runs before the cleaning, which drops the classes and ids by which mail clients mark history themselves. Walks without
recursion and a bounded number of nodes: nesting and length are the sender's choice.
"""

from collections.abc import Iterator, Set
from typing import Literal, NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mail.parsing.markup import BREAKS, following
from mail.parsing.quoting import history_begins

_MARK = "data-quoted"
# Without any of these no history is found, and most HTML is spared the walk.
_HINTS = (
    _MARK,
    "<blockquote",
    "gmail_",
    "yahoo_quoted",
    "divrplyfwdmsg",
    "appendonsend",
    "stopspelling",
    "moz-cite-prefix",
    "reply-intro",
    "protonmail_quote",
    "zmail_extra",
    "olk_src_body_section",
    "mobile-reference-message",
    "escreveu",
    "wrote",
    "enviad",
    "sent:",
    "assunto:",
    "subject:",
    "mensagem original",
    "mensagem encaminhada",
    "original message",
    "forwarded message",
    "mensaje original",
)
# What holds history as a whole, and nothing else.
_WHOLE = (
    "blockquote[type=cite i], blockquote.gmail_quote, .yahoo_quoted, .protonmail_quote, .zmail_extra,"
    " #OLK_SRC_BODY_SECTION"
)
# What begins history that goes on to the end of the mail.
_REST = "#appendonsend, #divRplyFwdMsg, #stopSpelling, .ms-outlook-mobile-reference-message"
# Who wrote when, before what they wrote.
_WROTE = ".gmail_attr, .moz-cite-prefix, #reply-intro"
_QUOTES = "blockquote[type=cite i], blockquote.gmail_quote"
_NODES = 50_000
_LINES = 5_000
_LINES_OF_A_HEADER = 12
_SEEN = ("img", "hr", "table", "video", "audio")

Kind = Literal["WHOLE", "WROTE", "REST"]


class Beginning(NamedTuple):
    position: int
    kind: Kind
    node: LexborNode


def mark_history(html: str) -> str:
    """Of HTML that is not tangled. Marks of the sender's own are taken away."""
    lower = html.lower()
    if not any(hint in lower for hint in _HINTS):
        return html
    document = LexborHTMLParser(html)
    body = document.body
    if body is None:
        return html
    for forged in document.css(f"[{_MARK}]"):
        del forged.attrs[_MARK]
    beginning = min(_beginnings(document, body), default=None, key=lambda found: found.position)
    if beginning is not None:
        _mark_from(document, body, beginning)
    return document.html or ""


def _beginnings(document: LexborHTMLParser, body: LexborNode) -> Iterator[Beginning]:
    by_selector: tuple[tuple[Kind, str], ...] = (("WHOLE", _WHOLE), ("REST", _REST), ("WROTE", _WROTE))
    marked = [(kind, node) for kind, selector in by_selector for node in document.css(selector)]
    positions, lines = _read(body, {node.mem_id for _, node in marked})
    for kind, node in marked:
        if node.mem_id in positions:
            yield Beginning(positions[node.mem_id], kind, node)
    heads = [text for text, _ in lines]
    for index, (_, node) in enumerate(lines):
        begins, _ = history_begins(heads, index)
        if begins:
            yield Beginning(positions[node.mem_id], "WROTE" if begins == "WROTE" else "REST", node)
            break


def _read(body: LexborNode, marked: Set[int]) -> tuple[dict[int, int], list[tuple[str, LexborNode]]]:
    """The nodes' positions, and the lines as a reader sees them, each with the text node it begins with.

    Not far beyond the first of the nodes that are marked by their client: only what stands before it matters.
    """
    positions: dict[int, int] = {}
    lines: list[tuple[str, LexborNode]] = []
    pieces: list[str] = []
    first: LexborNode | None = None
    node, entering, most_lines = body.first_child, True, _LINES
    while node is not None and len(positions) < _NODES and len(lines) < most_lines:
        tag = node.tag or ""
        if entering:
            positions[node.mem_id] = len(positions)
            if node.mem_id in marked:
                most_lines = min(most_lines, len(lines) + _LINES_OF_A_HEADER)
        if tag == "-text" and entering:
            text = " ".join((node.text_content or "")[:1_000].split())
            if text:
                first = first or node
                pieces.append(text)
        elif (tag == "br" or tag in BREAKS or tag in ("td", "th")) and first is not None:
            lines.append((" ".join(pieces)[:400], first))
            pieces, first = [], None
        node, entering = following(node, entering, body)
    if first is not None:
        lines.append((" ".join(pieces)[:400], first))
    return positions, lines


def _mark_from(document: LexborHTMLParser, body: LexborNode, beginning: Beginning) -> None:
    node = beginning.node
    if beginning.kind == "WHOLE":
        _mark(document, node)
        _mark_quotes(document)
        return
    if beginning.kind == "WROTE":
        quote = _quote_after(node)
        while quote is None and _is_first(node) and (parent := _parent(node, body)) is not None:
            node = parent
            quote = _quote_after(node)
        if quote is not None:
            # What comes after the quote may be an answer below it.
            _mark_siblings(document, node, until=quote)
            _mark_quotes(document)
            return
    _mark_rest(document, body, beginning.node)


def _mark_rest(document: LexborHTMLParser, body: LexborNode, node: LexborNode) -> None:
    """Everything from this node on, with the outermost element that begins with it."""
    while _is_first(node) and (parent := _parent(node, body)) is not None:
        node = parent
    if (before := _before(node)) is not None and before.tag == "hr":
        _mark(document, before)
    ancestor = _parent(node, body)
    _mark_siblings(document, node)
    while ancestor is not None:
        _mark_siblings(document, ancestor.next)
        ancestor = _parent(ancestor, body)


def _mark_siblings(document: LexborHTMLParser, node: LexborNode | None, until: LexborNode | None = None) -> None:
    """This one and those after it; until: the last one, which is marked as well."""
    while node is not None:
        after = None if until is not None and node.mem_id == until.mem_id else node.next
        _mark(document, node)
        node = after


def _mark_quotes(document: LexborHTMLParser) -> None:
    """Answers may stand between several."""
    for quote in document.css(_QUOTES):
        quote.attrs[_MARK] = "true"


def _mark(document: LexborHTMLParser, node: LexborNode) -> None:
    if node.tag == "-text":
        text = node.text_content or ""
        if text.strip():
            holder = document.create_node("span")
            holder.attrs[_MARK] = "true"
            holder.insert_child(text)
            node.replace_with(holder)
    elif node.is_element_node:
        node.attrs[_MARK] = "true"


def _quote_after(node: LexborNode) -> LexborNode | None:
    """The quote that follows directly, with at most a line break between."""
    after = node.next
    while after is not None and (after.tag in ("br", "-comment") or _is_blank(after)):
        after = after.next
    return after if after is not None and after.tag == "blockquote" else None


def _is_first(node: LexborNode) -> bool:
    """Whether its parent shows nothing before it."""
    before = _before(node)
    while before is not None and before.tag == "hr":
        before = _before(before)
    return before is None


def _before(node: LexborNode) -> LexborNode | None:
    before = node.prev
    while before is not None and (before.tag in ("br", "-comment") or _is_blank(before) or _shows_nothing(before)):
        before = before.prev
    return before


def _is_blank(node: LexborNode) -> bool:
    return node.tag == "-text" and not (node.text_content or "").strip()


def _shows_nothing(node: LexborNode) -> bool:
    """An empty element, like those clients leave where a signature would stand."""
    if not node.is_element_node or node.tag in _SEEN:
        return False
    return not node.text(strip=True) and node.css_first(", ".join(_SEEN)) is None


def _parent(node: LexborNode, body: LexborNode) -> LexborNode | None:
    parent = node.parent
    return parent if parent is not None and parent.mem_id != body.mem_id else None
