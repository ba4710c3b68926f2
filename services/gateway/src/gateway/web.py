"""The Flask application: every view, and the one place where failures become problems."""

from collections.abc import Mapping

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from gateway import pages, problems
from gateway.attachments import add_attachments
from gateway.config import Settings
from gateway.gate import Gate
from gateway.pages import add_pages
from gateway.problems import Problem
from gateway.routes import add_routes
from gateway.session import add_session
from gateway.uploads import add_uploads
from servicekit.errors import Failure
from servicekit.telemetry import log

API = "/api/"


def make_flask(gate: Gate, settings: Settings, extra: Mapping[str, pages.View]) -> Flask:
    # Its own static files are switched off: they would be served without our headers.
    app = Flask("gateway", static_folder=None)
    # "//api/v1/tickets" is not "/api/v1/tickets", and nobody is redirected to find that out.
    app.url_map.merge_slashes = False
    add_routes(app, gate)
    add_session(app, gate)
    add_attachments(app, gate, settings.downloads)
    add_uploads(app, gate, settings)
    add_pages(app, extra)

    def http_error(error: HTTPException) -> Response:
        if error.code == 404 and request.method in ("GET", "HEAD") and not request.path.startswith(API):
            return pages.web_app(settings.web_dist, request.path)
        # Flask's own 500 is what remains of an exception within these handlers; it has no answer of its own.
        return of_http(error) if error.code != 500 else broken(error)

    @app.after_request
    def never_guess(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    app.register_error_handler(Failure, refused)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, broken)
    return app


def refused(failure: Failure) -> Response:
    problem = problems.of_failure(failure, g.get("places"))
    if problem.status == 500:
        log("gateway").error("neighbour_failed", reason=failure.reason, code=failure.code.name, detail=failure.detail)
    return answer(problem)


def broken(_: Exception) -> Response:
    log("gateway").exception("request_failed")
    return answer(problems.INTERNAL)


def of_http(error: HTTPException) -> Response:
    """What Flask itself refuses: unknown paths and methods."""
    status = error.code if error.code in problems.TITLES else 400
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    details = {404: "There is nothing at this address.", 405: "This address does not know the method."}
    detail = details.get(status, problems.TITLES[status])
    response = answer(Problem(status, codes.get(status, "INVALID_REQUEST"), detail))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def answer(problem: Problem) -> Response:
    return Response(problem.body(), problem.status, problem.headers())
