"""What a browser loads: the web app's files, the API document and the page that shows it."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, request, send_from_directory
from flask.typing import ResponseReturnValue

from gateway.gate import record_of

HERE = Path(__file__).resolve().parent
DOCS = HERE / "docs_page"

PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-src 'self'; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# An empty page of the web app that shows a message whose remote images were asked for. A frame made from text would
# inherit the policy above; this page has its own, and the web app puts it into a sandbox without scripts.
FRAME = "frame.html"
FRAME_POLICY = (
    "default-src 'none'; img-src data: https: http:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
# The build names these files by their content.
ASSETS = "assets/"
FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"

View = Callable[..., ResponseReturnValue]


def add_pages(app: Flask, extra: Mapping[str, View]) -> None:
    openapi = (HERE / "openapi.json").read_bytes()
    views: dict[str, View] = {
        "/openapi.json": lambda: Response(openapi, mimetype="application/json", headers={"Cache-Control": REVALIDATE}),
        "/docs": lambda: file(DOCS, "index.html"),
        "/docs/docs.css": lambda: file(DOCS, "docs.css"),
        "/docs/docs.js": lambda: file(DOCS, "docs.js"),
    }
    for path, view in (views | dict(extra)).items():
        app.add_url_rule(path, path, recorded(path, view), methods=["GET"], provide_automatic_options=False)


def recorded(path: str, view: View) -> View:
    def answer(**variables: str) -> ResponseReturnValue:
        record_of(request).route = path
        return view(**variables)

    return answer


def on_this_machine(view: View) -> View:
    """A page for whoever sits here, without signing in: not for other machines, and not for other sites whose name was
    made to point here.

    Such a site ("DNS rebinding") reads what it likes from an address it calls its own, but it cannot make the browser
    ask for it by number or as localhost.
    """

    def answer(**variables: str) -> ResponseReturnValue:
        host = urlsplit(f"//{request.host}").hostname or ""
        here = is_address(request.remote_addr or "") and ip_address(request.remote_addr or "").is_loopback
        if not here or (host != "localhost" and not is_address(host)):
            return (
                "Open this page on the machine itself, as http://localhost:…\n",
                403,
                {"Content-Type": "text/plain; charset=utf-8"},
            )
        return view(**variables)

    return answer


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def web_app(dist: Path, path: str) -> Response:
    """A file of the web app, or its first page for everything else: its routes are known to the browser alone."""
    record_of(request).route = "web"
    name = path.lstrip("/")
    if name and (dist / "index.html").is_file() and is_file_within(dist, name):
        response = file(dist, name, FOREVER if name.startswith(ASSETS) else REVALIDATE)
        if name == FRAME:
            response.headers["Content-Security-Policy"] = FRAME_POLICY
        return response
    if name.startswith(ASSETS):
        # A page that was loaded before a new version came asks for files that are gone; HTML would confuse it.
        return Response("Not found.\n", 404, PAGE_HEADERS, mimetype="text/plain")
    if (dist / "index.html").is_file():
        return file(dist, "index.html")
    return file(HERE / "static_pages", "missing.html")


def is_file_within(folder: Path, name: str) -> bool:
    if "\0" in name:
        return False
    target = (folder / name).resolve()
    try:
        return target.is_relative_to(folder.resolve()) and target.is_file()
    except OSError:
        # Longer than names of files can be.
        return False


def file(folder: Path, name: str, cache: str = REVALIDATE) -> Response:
    response = send_from_directory(folder.resolve(), name, conditional=True)
    response.headers.update(PAGE_HEADERS)
    response.headers["Cache-Control"] = cache
    return response
