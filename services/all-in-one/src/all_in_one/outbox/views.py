"""The outbox as pages of the gateway."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from all_in_one.outbox import reading
from gateway.attachments import CONTENT_TYPE, disposition
from gateway.pages import View, on_this_machine

HERE = Path(__file__).resolve().parent
Answer = tuple[str | bytes, int, dict[str, str]]

PAGE = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# What strangers wrote as HTML: an origin of its own, no scripts, nothing loaded from anywhere.
FRAME = PAGE | {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    )
}
DOWNLOAD = PAGE | {"Content-Security-Policy": "sandbox; default-src 'none'"}

TEMPLATES = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
STYLE = (HERE / "outbox.css").read_bytes()


def pages(folder: Path) -> Mapping[str, View]:
    """By path, as gateway.main.build takes them."""

    def every() -> Answer:
        return page("list.html", rows=reading.listed(folder), limit=reading.LISTED, folder=str(folder))

    def one(mail_id: str) -> Answer:
        found = reading.mail(folder, mail_id)
        return page("mail.html", mail=found) if found else missing()

    def html(mail_id: str) -> Answer:
        found = reading.mail(folder, mail_id)
        return (found.html, 200, FRAME) if found and found.html else missing()

    def attached(mail_id: str, number: str) -> Answer:
        found = reading.attached(folder, mail_id, number)
        return download(found[0].name, found[0].content_type, found[1]) if found else missing()

    def raw(mail_id: str) -> Answer:
        path = reading.path_of(folder, mail_id)
        return download(f"{mail_id}.eml", "message/rfc822", path.read_bytes()) if path else missing()

    views: dict[str, View] = {
        "/outbox": every,
        "/outbox/outbox.css": lambda: (STYLE, 200, PAGE | {"Content-Type": "text/css; charset=utf-8"}),
        "/outbox/<segment:mail_id>": one,
        "/outbox/<segment:mail_id>/html": html,
        "/outbox/<segment:mail_id>/raw": raw,
        "/outbox/<segment:mail_id>/files/<segment:number>": attached,
    }
    return {path: on_this_machine(view) for path, view in views.items()}


def page(template: str, **values: object) -> Answer:
    return TEMPLATES.get_template(template).render(size=size, **values), 200, PAGE


def missing() -> Answer:
    return TEMPLATES.get_template("missing.html").render(), 404, PAGE


def download(name: str, content_type: str, content: bytes) -> Answer:
    kind = content_type if CONTENT_TYPE.fullmatch(content_type) else "application/octet-stream"
    headers = {"Content-Type": kind, "Content-Disposition": disposition("attachment", name)}
    return content, 200, DOWNLOAD | headers


def size(count: int) -> str:
    """As people in Brazil read it: 1,5 KB."""
    amount, unit = (count / 1024**2, "MB") if count >= 1024**2 else (count / 1024, "KB")
    text = f"{count} bytes" if count < 1024 else f"{amount:.1f} {unit}"
    return text.replace(".", ",")
