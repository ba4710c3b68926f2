import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_support import HOSTILE_PIECES
from selectolax.lexbor import LexborHTMLParser

from mail.parsing import markup

KNOWN = {"logo@a": "Logo@a"}


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<style>p{}</style>",
        "<iframe src=https://x></iframe>",
        "<form action=https://x><input name=a></form>",
        "<svg><script>alert(1)</script></svg>",
        "<meta http-equiv=refresh content=0>",
        "<base href=https://x><link rel=stylesheet href=https://x>",
        "<object data=x></object><embed src=x>",
    ],
)
def test_elements_that_act_leave_nothing(html: str) -> None:
    assert markup.clean(html, KNOWN) == ""


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "JaVa\tscript:x", "data:text/html,x", "/relative", "cid:logo@a", "file:///x"]
)
def test_links_lead_only_outside(address: str) -> None:
    assert markup.clean(f'<a href="{address}">x</a>', KNOWN) == '<a rel="noopener noreferrer">x</a>'


@pytest.mark.parametrize(
    "address", ["https://a.example/b", "http://a.example", "mailto:a@example.com", "tel:+551130001000"]
)
def test_ordinary_links_stay(address: str) -> None:
    assert markup.clean(f'<a href="{address}" onclick=x target=_top>x</a>', KNOWN) == (
        f'<a href="{address}" rel="noopener noreferrer">x</a>'
    )


@pytest.mark.parametrize(
    ("source", "cleaned"),
    [
        ('src="cid:logo@a"', 'src="cid:Logo@a"'),
        ('src="CID:LOGO%40a"', 'src="cid:Logo@a"'),
        ('src="cid:other@a"', ""),
        ('src="https://a.example/p.png"', 'data-remote-src="https://a.example/p.png"'),
        ('src="//a.example/p.png"', 'data-remote-src="https://a.example/p.png"'),
        ('src=" HTTP://a.example/p.png"', 'data-remote-src="HTTP://a.example/p.png"'),
        ('src="data:image/png;base64,AAAA"', ""),
        ('src="file:///etc/passwd"', ""),
        ('srcset="https://a.example/p.png 2x"', ""),
        ('data-remote-src="javascript:alert(1)"', ""),
    ],
)
def test_images_load_nothing_until_asked(source: str, cleaned: str) -> None:
    assert markup.clean(f"<img {source} onerror=x>", KNOWN) == f"<img {cleaned}>".replace(" >", ">")


def test_styles_keep_only_what_cannot_load_or_cover_the_page() -> None:
    style = "color:red;position:fixed;background:url(https://x);background-image:url(https://x);font-weight:bold"
    assert markup.clean(f'<p style="{style}">x</p>', {}) == '<p style="color:red;font-weight:bold">x</p>'


def test_tables_keep_their_form() -> None:
    table = '<table width="600" cellpadding="0"><tbody><tr><td colspan="2" bgcolor="#fff">x</td></tr></tbody></table>'
    assert markup.clean(table, {}) == table


@given(st.lists(st.one_of(st.sampled_from(HOSTILE_PIECES), st.text(max_size=3)), max_size=30).map("".join))
@settings(max_examples=500, deadline=None)
def test_no_html_comes_out_that_acts_or_loads(html: str) -> None:
    cleaned = markup.clean(html, KNOWN)
    for node in LexborHTMLParser(cleaned).css("*"):
        assert node.tag in markup._TAGS | {"html", "head", "body"}
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            if name == "src":
                assert value == "cid:Logo@a"
            if name in ("href", "data-remote-src"):
                assert re.match(r"\s*(https?|mailto|tel):", value or "", re.IGNORECASE)
            if name == "style":
                assert {part.partition(":")[0] for part in (value or "").split(";")} <= markup._STYLE_PROPERTIES | {""}
    markup.to_text(cleaned)


@pytest.mark.parametrize(
    "html",
    [
        '<p>a<img src="cid:logo@a"><img src="//a.example/p.png" style="color:red"></p>',
        '<a href="https://a.example/?a=1&b=2">x</a>&lt;script&gt;',
        "<div>" * 3_000 + "&lt;b&gt; &amp;amp; x",
    ],
    ids=["images", "escapes", "tangled"],
)
def test_cleaning_twice_changes_nothing(html: str) -> None:
    cleaned = markup.clean(html, KNOWN)
    assert markup.clean(cleaned, KNOWN) == cleaned


def test_text_of_too_many_ampersands_is_cleaned_in_linear_time() -> None:
    cleaned = markup.clean("&" * 1_000_000, {})
    assert markup.clean(cleaned, {}).count("&amp;") == 1_000_000


@pytest.mark.parametrize("unit", ["<span><div></span></div>", "<div><table><td></div></table>"])
def test_what_hides_its_depth_does_not_come_out_deep(unit: str) -> None:
    cleaned = markup.clean(unit * 4_000, {})
    assert not markup.is_tangled(cleaned)
    assert len(LexborHTMLParser(cleaned).css("div")) == 1


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Bom <b>dia</b>,</p><p>tudo&nbsp;bem?</p>", "Bom dia,\n\ntudo bem?"),
        ("<div>um</div><div>dois</div><div><br></div><div>três</div>", "um\ndois\n\ntrês"),
        ("um<br>dois<br><br>três", "um\ndois\n\ntrês"),
        ("<ul><li>um</li><li>dois</li></ul>", "- um\n- dois"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("a\n   <i>b</i>\n c", "a b c"),
        ("", ""),
    ],
)
def test_text_reads_as_the_page_looks(html: str, text: str) -> None:
    assert markup.to_text(markup.clean(html, {})) == text
