"""Parts that are no body: decoded into files whose names are ours, and described for display."""

import hashlib
import mimetypes
import re
from pathlib import Path
from urllib.parse import unquote

from mail.parsing.charsets import decode
from mail.parsing.headers import decode_words, first, plain
from mail.parsing.identity import normal_id
from mail.parsing.model import Attachment
from mail.parsing.structure import Part, parameters
from mail.parsing.transfer import decoded

_NAME_CHARACTERS = 200
_UNSAFE = re.compile('[\x00-\x1f\x7f-\x9f\\\\/:*?"<>|\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+')
_WITH_EXTENSION = re.compile(r"[^\r\n]{1,200}\.[A-Za-z0-9]{1,5}")
_EXTENSIONS = {
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "text/rfc822-headers": ".txt",
    "text/calendar": ".ics",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "application/ms-tnef": ".dat",
}


def write(raw: bytes, part: Part, number: int, most: int, folder: Path, warnings: set[str]) -> Attachment | None:
    """None, with ATTACHMENT_DROPPED in `warnings`, when it decodes to more than `most` bytes. Raises OSError."""
    data, cut = decoded(raw, part, most)
    if cut:
        warnings.add("ATTACHMENT_DROPPED")
        return None
    path = folder / f"{number:04d}"
    path.write_bytes(data)
    return Attachment(
        file_name=file_name(part, number, warnings),
        content_type=part.kind,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        content_id=content_id(part),
        inline=False,
        path=str(path),
    )


def content_id(part: Part) -> str:
    return normal_id(first(part.fields, "content-id")[:2000].decode("utf-8", "replace"))


def disposition(part: Part) -> str:
    value = first(part.fields, "content-disposition")[:200].decode("latin-1")
    return value.partition(";")[0].strip().lower()


def stated_name(part: Part, warnings: set[str]) -> str:
    """RFC 2231 and RFC 2047 both occur, the latter against its own rule; '' if the part states none."""
    for field, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        try:
            value = parameters(part.fields, field).get_param(parameter, None, field)
        except (ValueError, LookupError, TypeError, AttributeError):
            continue
        name = _text(value, warnings)
        if name.strip():
            return name
    return ""


def _text(value: object, warnings: set[str]) -> str:
    if isinstance(value, tuple):  # RFC 2231: charset, language, and the bytes as latin-1 characters
        charset, _, text = value
        return decode(text.encode("latin-1", "replace"), charset or "", warnings)
    return decode_words(value, warnings) if isinstance(value, str) else ""


def _located_name(part: Part) -> str:
    """The last part of its Content-Location (RFC 2557), where that looks like the name of a file."""
    path = first(part.fields, "content-location")[:2000].decode("utf-8", "replace").partition("?")[0].strip()
    name = unquote(path.rpartition("/")[2])
    return name if _WITH_EXTENSION.fullmatch(name) else ""


def file_name(part: Part, number: int, warnings: set[str]) -> str:
    """Safe to show and to offer for saving: no separators, controls, direction marks; at most 200 characters."""
    name = stated_name(part, warnings) or _located_name(part)
    name = unquote(name) if "%20" in name else name
    name = safe(name)
    if not name:
        return f"anexo-{number}{_EXTENSIONS.get(part.kind) or mimetypes.guess_extension(part.kind) or '.bin'}"
    if part.kind == "message/rfc822" and not name.lower().endswith(".eml"):
        name = name[: _NAME_CHARACTERS - 4] + ".eml"
    return short(name)


def safe_name(name: str) -> str:
    """As file_name(), of a name that somebody gave; '' where nothing of it is left."""
    return short(safe(name))


def safe(name: str) -> str:
    name = _UNSAFE.sub("_", plain(name).replace("\ufffd", "_")).strip(" .")
    return name if name.strip("_") else ""


def short(name: str) -> str:
    """Keeps the extension."""
    if len(name) <= _NAME_CHARACTERS:
        return name
    stem, dot, extension = name.rpartition(".")
    kept = f"{dot}{extension}" if stem and len(extension) <= 10 else ""
    return name[: _NAME_CHARACTERS - len(kept)] + kept
