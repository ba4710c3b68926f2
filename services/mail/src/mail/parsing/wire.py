"""`ParsedMail` as one JSON line and back. The child handled hostile bytes: what it says is checked, not trusted."""

import json
import re
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from mail.parsing.model import Address, Attachment, ParsedMail, Report, Undelivered

_FILE = re.compile(r"[0-9]{4,6}")
_AUTOMATIC = ("", "auto-submitted", "bounce", "list", "bulk")
_ACTIONS = ("", "failed", "delayed", "delivered", "relayed", "expanded")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def to_json(mail: ParsedMail) -> dict[str, Any]:
    value = asdict(mail)
    value["date"] = mail.date and mail.date.isoformat()
    for attachment in value["attachments"]:
        attachment["path"] = Path(attachment["path"]).name
    return value


def to_line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def from_json(value: dict[str, Any], folder: Path) -> ParsedMail:
    """Raises ValueError, KeyError or TypeError when the value is not of this form."""
    date = value["date"]
    return ParsedMail(
        message_id=_text(value["message_id"]),
        in_reply_to=_texts(value["in_reply_to"]),
        references=_texts(value["references"]),
        subject=_text(value["subject"]),
        sender=_address(value["sender"]),
        reply_to=_addresses(value["reply_to"]),
        to=_addresses(value["to"]),
        cc=_addresses(value["cc"]),
        date=None if date is None else _date(_text(date)),
        text=_text(value["text"]),
        new_text=_text(value["new_text"]),
        html=_text(value["html"]),
        snippet=_text(value["snippet"]),
        attachments=tuple(_attachment(attachment, folder) for attachment in value["attachments"]),
        automatic=_one_of(value["automatic"], _AUTOMATIC),
        report=_report(value["report"]),
        warnings=_texts(value["warnings"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or _UNSTORABLE.search(value):
        raise ValueError("no storable text")
    return value


def _texts(values: list[object]) -> tuple[str, ...]:
    return tuple(_text(value) for value in values)


def _one_of(value: object, allowed: tuple[str, ...]) -> str:
    if (text := _text(value)) not in allowed:
        raise ValueError("no allowed value")
    return text


def _date(text: str) -> datetime:
    date = datetime.fromisoformat(text)
    if date.tzinfo is None:
        raise ValueError("a date without zone")
    return date


def _address(value: dict[str, object]) -> Address:
    return Address(name=_text(value["name"]), email=_text(value["email"]))


def _addresses(values: list[dict[str, object]]) -> tuple[Address, ...]:
    return tuple(_address(value) for value in values)


def _report(value: dict[str, Any]) -> Report:
    action = _one_of(value["action"], _ACTIONS)
    undelivered = tuple(Undelivered(_text(one["email"]), _text(one["detail"])) for one in value["undelivered"])
    return Report(action, _text(value["detail"]), _texts(value["returned_ids"]), undelivered)


def _attachment(value: dict[str, Any], folder: Path) -> Attachment:
    name, size, inline = _text(value["path"]), value["size"], value["inline"]
    if not _FILE.fullmatch(name) or not isinstance(size, int) or not isinstance(inline, bool):
        raise ValueError("no attachment")
    return Attachment(
        file_name=_text(value["file_name"]),
        content_type=_text(value["content_type"]),
        size=size,
        sha256=_text(value["sha256"]),
        content_id=_text(value["content_id"]),
        inline=inline,
        path=str(folder / name),
    )
