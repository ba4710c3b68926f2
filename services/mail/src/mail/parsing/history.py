"""Marks the history that is quoted in the HTML of a mail with data-quoted="true", for pages to fold and texts to skip.

Runs before the cleaning, which drops the classes and ids by which mail clients mark history themselves. Walks without
recursion and a bounded number of nodes: nesting and length are the sender's choice.
"""

import secrets
from collections.abc import Iterator, Sequence, Set
from itertools import islice
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
# What needs more marks, or begins deeper, is left unmarked: no mail client writes so, and no mail may grow by more than
# some twenty kilobytes.
_MOST_MARKS = 500
_DEEPEST = 200
# Nothing but their own kind may stand in these, so the elements in them are marked one by one.
_ROWS = ("table", "thead", "tbody", "tfoot", "tr", "colgroup")
# In a paragraph a <div> would end it; these begin anew (HTML, 13.2.4.2: button scope).
_PARAGRAPH_ENDS = ("td", "th", "caption", "button", "object", "marquee", "applet", "template")

Kind = Literal["WHOLE", "WROTE", "REST"]


class Beginning(NamedTuple):
    position: int
    kind: Kind
    node: LexborNode


class Run(NamedTuple):
    """Siblings that are marked together. last: None for all that follow; the first itself where that is an element."""

    first: LexborNode
    last: LexborNode | None


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
    runs = list(islice(_history(document, body, beginning), _MOST_MARKS + 1)) if beginning is not None else []
    return _marked(document, runs) if len(runs) <= _MOST_MARKS else document.html or ""


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


def _history(document: LexborHTMLParser, body: LexborNode, beginning: Beginning) -> Iterator[Run]:
    node = beginning.node
    if beginning.kind == "WHOLE":
        yield Run(node, node)
        yield from _quotes(document)
        return
    if beginning.kind == "WROTE":
        quote = _quote_after(node)
        while quote is None and _is_first(node) and (parent := _parent(node, body)) is not None:
            node = parent
            quote = _quote_after(node)
        if quote is not None:
            # What comes after the quote may be an answer below it.
            yield Run(node, quote)
            yield from _quotes(document)
            return
    yield from _rest(body, beginning.node)


def _rest(body: LexborNode, node: LexborNode) -> Iterator[Run]:
    """Everything from this node on, with the outermost element that begins with it."""
    while _is_first(node) and (parent := _parent(node, body)) is not None:
        node = parent
    if _depth(node, body) > _DEEPEST:
        return
    if (before := _before(node)) is not None and before.tag == "hr":
        yield Run(before, before)
    ancestor = _parent(node, body)
    yield from _from_on(node)
    while ancestor is not None:
        yield from _from_on(ancestor.next)
        ancestor = _parent(ancestor, body)


def _depth(node: LexborNode, body: LexborNode) -> int:
    depth, parent = 0, _parent(node, body)
    while parent is not None and depth <= _DEEPEST:
        depth, parent = depth + 1, _parent(parent, body)
    return depth


def _from_on(node: LexborNode | None) -> Iterator[Run]:
    """This one and its siblings after it."""
    while node is not None and (_is_blank(node) or node.tag == "-comment"):
        node = node.next
    if node is None:
        return
    if node.parent is None or node.parent.tag not in _ROWS:
        yield Run(node, None)
        return
    while node is not None:
        if node.is_element_node:
            yield Run(node, node)
        node = node.next


def _quotes(document: LexborHTMLParser) -> Iterator[Run]:
    """Answers may stand between several."""
    return (Run(quote, quote) for quote in document.css(_QUOTES))


def _marked(document: LexborHTMLParser, runs: Sequence[Run]) -> str:
    """The HTML with an element of its own around each run.

    Where that begins and ends is written into the text of the document: to move half a million siblings into a new
    parent takes seconds. The names are ones the sender cannot know.
    """
    secret = secrets.token_hex(8)
    begin, end = ({tag: f"{side}-{tag}-{secret}" for tag in ("div", "span")} for side in ("begin", "end"))
    for first, last in runs:
        if last is not None and first.mem_id == last.mem_id:
            first.attrs[_MARK] = "true"
            continue
        tag = "span" if _in_paragraph(first) else "div"
        first.insert_before(document.create_node(begin[tag]))
        if last is not None:
            last.insert_after(document.create_node(end[tag]))
        elif first.parent is not None:
            first.parent.insert_child(document.create_node(end[tag]))
    html = document.html or ""
    for tag in ("div", "span"):
        html = html.replace(f"<{begin[tag]}></{begin[tag]}>", f'<{tag} {_MARK}="true">')
        html = html.replace(f"<{end[tag]}></{end[tag]}>", f"</{tag}>")
    return html


def _in_paragraph(node: LexborNode) -> bool:
    parent = node.parent
    while parent is not None and parent.tag not in _PARAGRAPH_ENDS:
        if parent.tag == "p":
            return True
        parent = parent.parent
    return False


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
