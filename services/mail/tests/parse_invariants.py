"""What holds of every parsed mail, whatever its bytes."""

import hashlib
import json
import re
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from mail.parsing import markup
from mail.parsing.model import Limits, ParsedMail
from mail.parsing.wire import from_json, to_json, to_line

UNSAFE_IN_NAMES = set("/\\\n\r\t\0\u202e\u200f")
_BRACKETS = re.compile(r"\(.*\)|\(.*$", re.DOTALL)
_LEADS_OUTSIDE = re.compile(r"\s*(https?|mailto|tel):", re.IGNORECASE)


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [string for item in inner for string in strings(item)]


def check_mail(raw: bytes, mail: ParsedMail, folder: Path, limits: Limits) -> None:
    value = to_json(mail)
    assert from_json(json.loads(to_line(value)), folder) == mail
    for string in strings(value):
        string.encode()
        assert "\x00" not in string  # which PostgreSQL refuses
    assert len(mail.text) <= limits.body_characters
    assert len(mail.html) <= limits.body_characters
    assert len(mail.new_text) <= limits.body_characters
    assert len(mail.snippet) <= 201
    assert len(mail.subject) <= 998
    assert max(len(mail.to), len(mail.cc), len(mail.reply_to)) <= limits.recipients
    assert max(len(mail.references), len(mail.in_reply_to)) <= 100
    assert len(mail.report.detail) <= 1_000
    assert len(mail.report.undelivered) <= 100
    check_files(raw, mail, folder, limits)
    check_html(mail)


def check_files(raw: bytes, mail: ParsedMail, folder: Path, limits: Limits) -> None:
    assert len(mail.attachments) <= limits.attachments
    assert sum(file.size for file in mail.attachments) <= len(raw)
    for file in mail.attachments:
        assert 1 <= len(file.file_name) <= 200
        assert not set(file.file_name) & UNSAFE_IN_NAMES
        assert file.file_name.strip(" .") == file.file_name
        assert Path(file.path).parent == folder
        content = Path(file.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)


def check_html(mail: ParsedMail) -> None:
    """It acts on nothing, loads nothing, and says the same when it is cleaned again, as it is at each reading."""
    known = {file.content_id.lower(): file.content_id for file in mail.attachments if file.content_id}
    again = markup.clean(mail.html, known)
    assert markup.clean(again, known) == again
    assert markup.to_text(again) == markup.to_text(mail.html)
    for node in LexborHTMLParser(mail.html).css("*"):
        assert node.tag in markup._TAGS | {"html", "head", "body"}
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            if name == "src":
                assert (value or "").removeprefix("cid:") in known.values()
            if name in ("href", "data-remote-src"):
                assert _LEADS_OUTSIDE.match(value or "")
            if name == "style":
                # Within brackets a semicolon separates nothing.
                properties = _BRACKETS.sub("", value or "").split(";")
                assert {part.partition(":")[0].strip() for part in properties} <= markup._STYLE_PROPERTIES | {""}
