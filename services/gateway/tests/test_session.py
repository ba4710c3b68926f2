"""Signing in: tokens for programs, cookies for browsers."""

import base64
import json
from http.cookies import SimpleCookie
from uuid import uuid4

import httpx
import pytest

from gateway.testing import World

ACCESS, REFRESH = "__Host-guiche-access", "__Host-guiche-refresh"
CSRF = {"X-Guiche-CSRF": "1"}
ANA = {"username": "ana", "password": "guiche"}


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("Set-Cookie"):
        jar.load(header)
    return {name: morsel.value for name, morsel in jar.items()}


def cookie_header(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


@pytest.fixture
def browser(client: httpx.Client, world: World) -> dict[str, str]:
    """The cookies of somebody signed in."""
    return cookies_of(client.post("/api/v1/auth:login", json=ANA | {"session": "COOKIE"}))


def test_a_program_gets_its_tokens_in_the_answer(client: httpx.Client, world: World) -> None:
    answer = client.post("/api/v1/auth:login", json=ANA)
    tokens = answer.json()
    assert (answer.status_code, tokens["expiresIn"]) == (200, 900)
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
    assert client.get("/api/v1/me", headers=headers).json()["username"] == "ana"
    assert world.calls_of("SignIn")[0].request.client_address == "127.0.0.1"


def test_a_browser_gets_cookies_that_no_script_reads(client: httpx.Client, world: World) -> None:
    answer = client.post("/api/v1/auth:login", json=ANA | {"session": "COOKIE"})
    assert answer.json() == {"accessToken": "", "expiresIn": 900, "refreshToken": ""}
    headers = answer.headers.get_list("Set-Cookie")
    assert len(headers) == 2
    for header in headers:
        assert header.startswith(("__Host-guiche-access=", "__Host-guiche-refresh="))
        attributes = set(header.split("; ")[1:])
        assert attributes == {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"}
    assert client.get("/api/v1/me", headers=cookie_header(cookies_of(answer))).status_code == 200


@pytest.mark.parametrize("password", ["wrong", "x" * 200])
def test_wrong_credentials_are_rejected(client: httpx.Client, world: World, password: str) -> None:
    answer = client.post("/api/v1/auth:login", json={"username": "ana", "password": password})
    assert (answer.status_code, answer.json()["code"]) == (401, "CREDENTIALS_REJECTED")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "INVALID_REQUEST", "/username"),
        (ANA | {"session": "cookie"}, "INVALID_REQUEST", "/session"),
        (ANA | {"session": 1}, "INVALID_REQUEST", "/session"),
        (ANA | {"clientAddress": "1.1.1.1"}, "UNKNOWN_FIELD", "/clientAddress"),
        (ANA | {"password": ["guiche"]}, "INVALID_REQUEST", "/password"),
        (ANA | {"password": "x" * 201}, "INVALID_REQUEST", "/password"),
    ],
)
def test_a_bad_login_is_named(client: httpx.Client, world: World, body: object, code: str, pointer: str) -> None:
    answer = client.post("/api/v1/auth:login", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_login_as_form_is_refused_since_other_sites_can_send_forms(client: httpx.Client, world: World) -> None:
    assert client.post("/api/v1/auth:login", data=ANA | {"session": "COOKIE"}).status_code == 415


def test_an_unsafe_method_with_cookies_needs_the_header(
    client: httpx.Client, world: World, browser: dict[str, str]
) -> None:
    path = f"/api/v1/tickets/{world.add_ticket().id}:start"
    answer = client.post(path, headers=cookie_header(browser))
    assert (answer.status_code, answer.json()["code"]) == (403, "CSRF_HEADER_MISSING")
    assert not world.calls_of("StartTicket")
    assert client.post(path, headers=cookie_header(browser) | CSRF).status_code == 200


def test_a_token_needs_no_csrf_header(client: httpx.Client, world: World) -> None:
    path = f"/api/v1/tickets/{world.add_ticket().id}:start"
    assert client.post(path, headers=world.headers()).status_code == 200


def test_a_refresh_token_is_exchanged(client: httpx.Client, world: World) -> None:
    first = client.post("/api/v1/auth:login", json=ANA).json()
    second = client.post("/api/v1/auth:refresh", json={"refreshToken": first["refreshToken"]})
    assert second.status_code == 200
    assert second.json()["refreshToken"] not in ("", first["refreshToken"])
    assert "Set-Cookie" not in second.headers


@pytest.mark.parametrize("verb", ["refresh", "logout"])
def test_a_session_cookie_is_not_used_without_the_csrf_header(
    client: httpx.Client, world: World, browser: dict[str, str], verb: str
) -> None:
    answer = client.post(f"/api/v1/auth:{verb}", headers=cookie_header(browser))
    assert (answer.status_code, answer.json()["code"]) == (403, "CSRF_HEADER_MISSING")
    assert browser[REFRESH] in world.refresh_tokens


def test_a_browser_refreshes_with_its_cookie_alone(client: httpx.Client, world: World, browser: dict[str, str]) -> None:
    answer = client.post("/api/v1/auth:refresh", headers=cookie_header(browser) | CSRF)
    assert answer.json() == {"accessToken": "", "expiresIn": 900, "refreshToken": ""}
    assert cookies_of(answer)[REFRESH] in world.refresh_tokens


def test_an_ended_session_takes_its_cookies_along(client: httpx.Client, world: World, browser: dict[str, str]) -> None:
    world.refresh_tokens.clear()
    answer = client.post("/api/v1/auth:refresh", headers=cookie_header(browser) | CSRF)
    assert (answer.status_code, answer.json()["code"]) == (401, "SESSION_ENDED")
    assert cookies_of(answer) == {ACCESS: "", REFRESH: ""}


def test_there_is_nothing_to_refresh_without_a_token(client: httpx.Client, world: World) -> None:
    answer = client.post("/api/v1/auth:refresh")
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")


def test_signing_out_ends_the_session_and_takes_the_cookies(
    client: httpx.Client, world: World, browser: dict[str, str]
) -> None:
    answer = client.post("/api/v1/auth:logout", headers=cookie_header(browser) | CSRF)
    assert (answer.status_code, answer.content) == (204, b"")
    assert cookies_of(answer) == {ACCESS: "", REFRESH: ""}
    assert not world.refresh_tokens


def test_signing_out_succeeds_where_nobody_is_signed_in(client: httpx.Client, world: World) -> None:
    assert client.post("/api/v1/auth:logout").status_code == 204


def forged(world: World, **changes: object) -> str:
    """A token whose payload was changed after it was signed."""
    header, payload, signature = world.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(claims | changes).encode()).decode().rstrip("=")
    return f"{header}.{changed}.{signature}"


def unsigned() -> str:
    parts = [{"alg": "none"}, {"iss": "routing", "aud": "gateway", "sub": "x", "org": "o", "sid": "s", "exp": 2**40}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/events"])
@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("none", "UNAUTHENTICATED"),
        ("basic", "TOKEN_INVALID"),
        ("garbage", "TOKEN_INVALID"),
        ("empty", "TOKEN_INVALID"),
        ("huge", "TOKEN_INVALID"),
        ("expired", "TOKEN_EXPIRED"),
        ("forged", "TOKEN_INVALID"),
        ("unsigned", "TOKEN_INVALID"),
        ("other signer", "TOKEN_INVALID"),
        ("other audience", "TOKEN_INVALID"),
        ("no session", "TOKEN_INVALID"),
        ("cookie", "TOKEN_INVALID"),
    ],
)
def test_a_token_that_is_not_good_is_refused(
    client: httpx.Client, world: World, path: str, case: str, code: str
) -> None:
    claims = {"sub": str(uuid4()), "org": "o", "sid": "s"}
    headers = {
        "none": {},
        "basic": {"Authorization": "Basic YTpi"},
        "garbage": {"Authorization": "Bearer a.b.c"},
        "empty": {"Authorization": "Bearer"},
        "huge": {"Authorization": "Bearer " + "x" * 8_000},
        "expired": {"Authorization": f"Bearer {world.token(seconds=-60)}"},
        "forged": {"Authorization": f"Bearer {forged(world, sub='admin')}"},
        "unsigned": {"Authorization": f"Bearer {unsigned()}"},
        "other signer": {"Authorization": f"Bearer {world.keys('mail').sign('gateway', 60, claims)}"},
        "other audience": {"Authorization": f"Bearer {world.keys('routing').sign('ticket', 60, claims)}"},
        "no session": {"Authorization": f"Bearer {world.token(sid='')}"},
        "cookie": {"Cookie": f"{ACCESS}=garbage"},
    }[case]
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert "WWW-Authenticate" in answer.headers
