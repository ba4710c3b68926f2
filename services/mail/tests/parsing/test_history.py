"""Quoted history in HTML is marked, however clients mark it, and nothing is lost by it."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_support import HOSTILE_PIECES as PIECES
from selectolax.lexbor import LexborHTMLParser

from mail.parsing.history import mark_history
from mail.parsing.markup import clean, is_tangled, to_text
from mail.parsing.model import ParsedMail

Parse = Callable[..., ParsedMail]

HEADER = "<b>De:</b> SAC &lt;sac@x.example&gt;<br><b>Enviada em:</b> segunda-feira<br><b>Para:</b> Ana<br><b>Assunto:</b> RES: Pedido<br>"
WROTE = "Em seg., 6 de out. de 2025 às 10:00, SAC &lt;<a href='mailto:sac@x.example'>sac@x.example</a>&gt; escreveu:"

REPLIES = {
    "gmail": f"<div dir=ltr>Novo</div><br><div class='gmail_quote gmail_quote_container'><div dir=ltr class=gmail_attr>{WROTE}<br></div>"
    "<blockquote class=gmail_quote style='margin:0'><div>velho</div></blockquote></div>",
    "gmail, language unknown": "<div>Novo</div><div class=gmail_quote><div class=gmail_attr>Dne po 6. 10. 2025 SAC napsal:</div>"
    "<blockquote class=gmail_quote>velho</blockquote></div>",
    "gmail forward": "<div>Novo</div><div class=gmail_quote><div class=gmail_attr>---------- Forwarded message ---------<br>De: <b>SAC</b>"
    " &lt;s@x.example&gt;<br>Date: seg.<br></div>velho<p>velho</p></div>",
    "outlook web": f"<div class=elementToProof>Novo</div><div id=appendonsend></div><hr style='width:98%'><div id=divRplyFwdMsg>{HEADER}</div>"
    "<div>velho</div><p>velho</p>",
    "outlook desktop": f"<div class=WordSection1><p class=MsoNormal>Novo</p><p><o:p>&nbsp;</o:p></p><div><div style='border-top:solid'>"
    f"<p class=MsoNormal>{HEADER}</p></div></div><p>velho</p></div><p>velho</p>",
    "outlook english": "<p>Novo</p><div><p><b>From:</b> SAC<br><b>Sent:</b> Monday<br><b>To:</b> Ana<br></p></div><p>velho</p>",
    "outlook mobile": f"<div>Novo</div><div class=ms-outlook-mobile-reference-message><hr>{HEADER}</div><div>velho</div>",
    "thunderbird": "Novo<br><div class=moz-cite-prefix>Em 06/10/2025 10:00, SAC escreveu:<br></div><blockquote type=cite cite=mid:x>velho</blockquote>",
    "apple": f"<div>Novo</div><div><br><blockquote type=CITE><div>{WROTE}</div><br><div>velho</div></blockquote></div>",
    "yahoo": f"<div>Novo</div><div id=yahoo_quoted_1 class=yahoo_quoted><div>{WROTE}</div><div>velho</div></div>",
    "roundcube": "<p>Novo</p><p id=reply-intro>SAC, 2025:</p><blockquote type=cite>velho</blockquote>",
    "plain, in one element": f"<div>Novo<br><br>{WROTE}<br><br>velho<br>velho</div>",
    "original message": "<p>Novo</p><p>-----Mensagem original-----</p><p>velho</p><table><tr><td>velho</td></tr></table>",
    "hotmail": f"<div>Novo</div><hr id=stopSpelling>{HEADER}velho",
}


def new_of(html: str) -> str:
    return " ".join(to_text(clean(mark_history(html), {}), history=False).split())


@pytest.mark.parametrize("html", REPLIES.values(), ids=REPLIES)
def test_the_history_of_each_client_is_marked_and_only_that(html: str) -> None:
    assert new_of(html) == "Novo"


@pytest.mark.parametrize("html", REPLIES.values(), ids=REPLIES)
def test_marking_loses_nothing_and_stays_when_cleaned_again(html: str) -> None:
    cleaned = clean(mark_history(html), {})
    assert to_text(cleaned) == to_text(clean(html, {}))
    assert clean(cleaned, {}) == cleaned
    assert "data-quoted=" in cleaned


def test_answers_below_and_between_quotes_are_new() -> None:
    quote = "<blockquote class=gmail_quote>velho</blockquote>"
    between = (
        f"<div class=gmail_quote><div class=gmail_attr>{WROTE}</div>{quote}<div>Um</div>{quote}<div>Dois</div></div>"
    )
    assert new_of(between) == "Um Dois"
    below = f"<div class=moz-cite-prefix>{WROTE}</div><blockquote type=cite>velho</blockquote><p>Embaixo</p>"
    assert new_of(below) == "Embaixo"


@pytest.mark.parametrize(
    "html",
    [
        "<p>Olá</p>",
        "<p>Ela me escreveu: não vem</p><p>De: Recife<br>Para: Natal<br>Data: 10/10</p>",
        "<p>Enviado do meu iPhone, mensagem curta</p>",
        "<blockquote>A frase que li</blockquote><p>Concorda?</p>",
        "<p data-quoted=true>escondido?</p>",
        "<p data-quoted=false>escreveu</p>",
        "<div id=appendonsend></div>",
    ],
)
def test_what_only_looks_alike_or_claims_to_be_history_is_not_marked(html: str) -> None:
    cleaned = clean(mark_history(html), {})
    assert new_of(html) == " ".join(to_text(clean(html, {})).split())
    assert to_text(cleaned) == to_text(cleaned, history=False)


def test_only_our_mark_survives_the_cleaning() -> None:
    assert (
        clean('<p data-quoted="x&quot; onclick=a">a</p><p data-quoted="true">b</p>', {})
        == '<p>a</p><p data-quoted="true">b</p>'
    )


def test_the_new_text_of_a_mail_in_html_alone_leaves_out_what_is_marked(parse: Parse) -> None:
    html = "<div>Novo</div><div class=gmail_quote><div class=gmail_attr>Dne SAC napsal:</div><blockquote class=gmail_quote>velho</blockquote></div>"
    mail = parse(b"From: a@b.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode())
    assert (mail.new_text, "velho" in mail.text, "data-quoted" in mail.html) == ("Novo", True, True)


def test_without_history_the_new_text_is_all_of_it(parse: Parse) -> None:
    head = b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n"
    assert parse(head + b"<p>Novo</p>").new_text == ""
    assert parse(b"From: a@b.example\r\n\r\nRES: Pedido\r\nNovo\r\n").new_text == ""


CLIENTS = [
    "<blockquote type=cite>",
    "</blockquote>",
    "<div class=gmail_quote>",
    "<div class=gmail_attr>",
    "</div>",
    "<div id=divRplyFwdMsg>",
]
CLIENTS += [
    "<div id=appendonsend>",
    "<hr>",
    "Em 06/10/2025 10:00, SAC escreveu:",
    "<br>",
    "De: a@b",
    "Enviada em: x",
    "novo",
    "<p>",
    "data-quoted=true",
]


@given(st.lists(st.one_of(st.sampled_from(CLIENTS), st.sampled_from(PIECES)), max_size=40).map("".join))
@settings(max_examples=500, deadline=None)
def test_no_html_loses_text_or_breaks_when_it_is_marked(html: str) -> None:
    marked = clean(mark_history(html), {})
    unmarked = clean(LexborHTMLParser(html).html or "", {})
    assert "".join(to_text(marked).split()) in ("".join(to_text(one).split()) for one in (unmarked, clean(html, {})))
    assert clean(marked, {}) == marked


LONG = {
    "lines": "<p>Novo</p><div id=appendonsend></div>" + "a<br>" * 50_000,
    "texts and elements": "<p>Novo</p><div id=appendonsend></div>" + "a<b></b>" * 50_000,
    "in a paragraph": "<p>Novo<br>De: a@b<br>Enviada em: c<br>" + "a<br>" * 50_000 + "</p>",
    "paragraphs": "<p>Novo</p><p>De: a@b<br>Enviada em: c</p>" + "<p>a</p>" * 50_000,
    "rows": "<table><tr><td>Novo</td></tr><tr><td>De: a@b<br>Enviada em: c</td></tr>"
    + "<tr></tr>" * 50_000
    + "</table>",
    "quotes": "<p>Novo</p>" + "<blockquote type=cite>a</blockquote>" * 20_000,
    "levels": "<div>" * 1_500 + "x<br>De: a@b<br>Enviada em: c" + "</div>y" * 1_500,
}


@pytest.mark.parametrize("html", LONG.values(), ids=LONG)
def test_marks_make_no_history_longer_however_many_elements_it_has(html: str) -> None:
    assert len(clean(mark_history(html), {})) <= len(clean(html, {})) + 15_000


@pytest.mark.parametrize("name", ["lines", "texts and elements", "in a paragraph", "paragraphs"])
def test_a_long_history_is_marked_by_one_element(name: str) -> None:
    cleaned = clean(mark_history(LONG[name]), {})
    assert (new_of(LONG[name]), cleaned.count("data-quoted")) == ("Novo", 1)
    assert to_text(cleaned) == to_text(clean(LONG[name], {}))


def test_a_long_mail_loses_no_text_by_its_marks(parse: Parse) -> None:
    html = "<p>Novo</p><div id=appendonsend></div>" + "a<br>" * 300_000 + "fim"
    mail = parse(b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + html.encode())
    assert (mail.new_text, mail.text[-3:], "BODY_TRUNCATED" in mail.warnings) == ("Novo", "fim", False)


def test_rows_of_a_table_are_marked_within_it() -> None:
    html = "<table><tr><td>Novo</td></tr><tr><td>De: a@b<br>Enviada em: c</td></tr><tr><td>velho</td></tr></table><p>velho</p>"
    assert (new_of(html), mark_history(html).count("<table>")) == ("Novo", 1)
    assert to_text(clean(mark_history(html), {})) == to_text(clean(html, {}))


@pytest.mark.parametrize(
    "html",
    [
        "<blockquote type=cite>" * 1_900 + "velho",
        "<div class=gmail_quote><blockquote class=gmail_quote>velho</blockquote></div>" * 20_000,
        "<p>De: a</p>" * 150_000,
        "<div></div>" * 150_000 + "<div id=divRplyFwdMsg>De: a@b<br>Enviado: x</div>" + "<p>velho</p>" * 50_000,
        "<p>Em 1</p>" * 100_000,
        "<div>" * 1_500 + "x<br>De: a@b<br>Enviada em: c" + "</div>y" * 1_500,
        "a<br>" * 300_000 + "-----Mensagem original-----",
        "<span><div></span></div>" * 4_000 + "<blockquote type=cite>x</blockquote>",
        "<p>Novo</p><div id=appendonsend></div>" + "a<br>" * 400_000,
    ],
    ids=[
        "nested",
        "many quotes",
        "many senders",
        "empty",
        "many attributions",
        "deep",
        "lines",
        "hidden depth",
        "rest",
    ],
)
def test_no_html_makes_marking_slow(html: str) -> None:
    assert not is_tangled(html)
    assert len(mark_history(html)) >= len(html) // 2
