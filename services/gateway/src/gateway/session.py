"""Signing in and out: tokens for programs, `__Host-` cookies for browsers."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response, jsonify, request
from google.protobuf.message import Message
from guiche.routing.v1 import session_service_pb2, session_service_pb2_grpc

from gateway.auth import ACCESS_COOKIE, CSRF_HEADER, REFRESH_COOKIE, require_csrf_header
from gateway.decoder import fill, parse_object, read_query
from gateway.encoder import encoder
from gateway.failures import BadInput, NotSignedIn
from gateway.gate import Gate, record_of
from gateway.problem_docs import documented
from gateway.problems import of_failure, status_of
from gateway.routes import require_json
from servicekit.errors import Failure

# "TOKEN": the answer holds the tokens. "COOKIE": cookies do, out of reach of scripts.
SESSIONS = ("TOKEN", "COOKIE")
MAX_REFRESH_TOKEN = 200

_TOKENS = {"application/json": {"schema": {"$ref": "#/components/schemas/Tokens"}}}
_COOKIES = {"Set-Cookie": {"schema": {"type": "string"}, "description": "The two cookies, in a COOKIE session."}}
_CSRF = {"$ref": "#/components/parameters/csrf"}


def _operation(name: str, summary: str, body: str, answer: dict[str, Any], **more: Any) -> dict[str, Any]:
    schema = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}}
    return {
        "post": {
            "operationId": name,
            "tags": ["Session"],
            "description": summary,
            "security": [{}],
            "parameters": [_CSRF],
            "requestBody": {"content": schema, "required": body == "LoginRequest"},
            "responses": answer | documented(400, 401, 403, 408, 413, 415, 429, 431, 500, 503, 504),
        }
        | more
    }


PATHS: dict[str, Any] = {
    "/api/v1/auth:login": _operation(
        "login",
        "Signs an attendant in. Unknown users, wrong passwords and inactive attendants are all told "
        "CREDENTIALS_REJECTED; after repeated failures TOO_MANY_ATTEMPTS.",
        "LoginRequest",
        {"200": {"description": "Signed in.", "headers": _COOKIES, "content": _TOKENS}},
    ),
    "/api/v1/auth:refresh": _operation(
        "refresh",
        "Gives new tokens for a refresh token, which is used up by it. In a COOKIE session leave the body out.",
        "RefreshTokenRequest",
        {"200": {"description": "New tokens.", "headers": _COOKIES, "content": _TOKENS}},
    ),
    "/api/v1/auth:logout": _operation(
        "logout",
        "Ends the session. Succeeds also where there is none. In a COOKIE session leave the body out.",
        "RefreshTokenRequest",
        {"204": {"description": "Signed out.", "headers": _COOKIES}},
    ),
}

SCHEMAS: dict[str, Any] = {
    "LoginRequest": {
        "type": "object",
        "properties": {
            "username": {"type": "string", "minLength": 1, "maxLength": 100},
            "password": {"type": "string", "minLength": 1, "maxLength": 200},
            "session": {
                "type": "string",
                "enum": ["TOKEN", "COOKIE"],
                "default": "TOKEN",
                "description": "COOKIE: the tokens come as HttpOnly cookies and are empty in the answer.",
            },
        },
        "required": ["username", "password"],
        "additionalProperties": False,
    },
    "RefreshTokenRequest": {
        "type": "object",
        "properties": {"refreshToken": {"type": "string", "maxLength": 200}},
        "additionalProperties": False,
    },
}


def add_session(app: Flask, gate: Gate) -> None:
    views: dict[str, Callable[[Gate], Response]] = {
        "/api/v1/auth:login": login,
        "/api/v1/auth:refresh": refresh,
        "/api/v1/auth:logout": logout,
    }
    for path, view in views.items():
        app.add_url_rule(path, path, bound(view, path, gate), methods=["POST"], provide_automatic_options=False)


def bound(view: Callable[[Gate], Response], path: str, gate: Gate) -> Callable[[], Response]:
    def answer() -> Response:
        record_of(request).route = path
        return view(gate)

    return answer


def login(gate: Gate) -> Response:
    values = body()
    session = values.pop("session", "TOKEN")
    if session not in SESSIONS:
        raise BadInput(f"It must be one of {', '.join(SESSIONS)}.", "/session", allowed=SESSIONS)
    asked = session_service_pb2.SignInRequest()
    fill(asked, fields_of(asked, "username", "password"), values)
    asked.client_address = record_of(request).client_address
    peer = gate.peers["routing"]
    answer = peer.call(session_service_pb2_grpc.SessionServiceStub(peer.channel).SignIn, asked)
    return tokens(answer.tokens, by_cookie=session == "COOKIE")


def refresh(gate: Gate) -> Response:
    token, by_cookie = refresh_token()
    if not token:
        raise NotSignedIn("There is no session to refresh.")
    peer = gate.peers["routing"]
    asked = session_service_pb2.RefreshSessionRequest(refresh_token=token)
    try:
        answer = peer.call(session_service_pb2_grpc.SessionServiceStub(peer.channel).RefreshSession, asked)
    except Failure as failure:
        if not by_cookie or status_of(failure) != 401:
            raise
        problem = of_failure(failure)
        return without_cookies(Response(problem.body(), problem.status, problem.headers()))
    return tokens(answer.tokens, by_cookie)


def logout(gate: Gate) -> Response:
    token, by_cookie = refresh_token()
    if token:
        peer = gate.peers["routing"]
        asked = session_service_pb2.SignOutRequest(refresh_token=token)
        peer.call(session_service_pb2_grpc.SessionServiceStub(peer.channel).SignOut, asked)
    response = Response(status=204, headers={"Cache-Control": "no-store"})
    return without_cookies(response) if by_cookie else response


def body() -> dict[str, Any]:
    read_query(request.environ.get("QUERY_STRING", ""), session_service_pb2.SignInRequest(), [])
    require_json()
    return parse_object(request.get_data())


def fields_of(message: Message, *names: str) -> list[Any]:
    return [message.DESCRIPTOR.fields_by_name[name] for name in names]


def refresh_token() -> tuple[str, bool]:
    """The refresh token, and whether it came as cookie; "" where there is none."""
    asked = session_service_pb2.RefreshSessionRequest()
    fill(asked, fields_of(asked, "refresh_token"), body())
    if asked.refresh_token or not has_session_cookie(request):
        return asked.refresh_token, False
    require_csrf_header(request.method, request.headers.get(CSRF_HEADER, ""))
    token = request.cookies.get(REFRESH_COOKIE, "")
    # No token of ours is that long: as good as none, and no reason to tell a browser that its cookie is a bad request.
    return (token if len(token) <= MAX_REFRESH_TOKEN else ""), True


def has_session_cookie(asked: Request) -> bool:
    return REFRESH_COOKIE in asked.cookies or ACCESS_COOKIE in asked.cookies


def tokens(given: session_service_pb2.Tokens, by_cookie: bool) -> Response:
    answer = encoder(given.DESCRIPTOR)(given)
    response = jsonify(answer | {"accessToken": "", "refreshToken": ""} if by_cookie else answer)
    response.headers["Cache-Control"] = "no-store"
    if by_cookie:
        # Without an age of their own: the tokens in them have one, and an expired one is told apart from none.
        set_cookie(response, ACCESS_COOKIE, given.access_token)
        set_cookie(response, REFRESH_COOKIE, given.refresh_token)
    return response


def set_cookie(response: Response, name: str, value: str, max_age: int | None = None) -> None:
    response.set_cookie(name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="Strict")


def without_cookies(response: Response) -> Response:
    set_cookie(response, ACCESS_COOKIE, "", max_age=0)
    set_cookie(response, REFRESH_COOKIE, "", max_age=0)
    return response
