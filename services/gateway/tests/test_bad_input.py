"""What is wrong with a request is said in a problem that names the place."""

import json
from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest

from gateway.testing import TicketNotFound, World
from servicekit.errors import Failure

UUID = "0197b000-0000-7000-8000-000000000001"
START = f"/api/v1/tickets/{UUID}:start"
STATUSES = [
    "CREATED",
    "OPEN",
    "STARTED",
    "PENDING",
    "ANSWERED",
    "TRANSFERRED",
    "APPROVAL",
    "RESOLVED",
    "CREATED_OR_OPEN",
]

# Path with query → status, code, pointer and code of the first error.
QUERIES = {
    "/api/v1/tickets?holder=me": (400, "UNKNOWN_FIELD", "?holder", "UNKNOWN_FIELD"),
    "/api/v1/tickets?page_size=5": (400, "UNKNOWN_FIELD", "?page_size", "UNKNOWN_FIELD"),
    "/api/v1/tickets?pageSize=x": (400, "INVALID_REQUEST", "?pageSize", "INVALID_VALUE"),
    "/api/v1/tickets?pageSize=": (400, "INVALID_REQUEST", "?pageSize", "INVALID_VALUE"),
    "/api/v1/tickets?pageSize=1e1": (400, "INVALID_REQUEST", "?pageSize", "INVALID_VALUE"),
    "/api/v1/tickets?pageSize=99999999999": (400, "INVALID_REQUEST", "?pageSize", "INVALID_VALUE"),
    "/api/v1/tickets?pageSize=%D9%A3": (400, "INVALID_REQUEST", "?pageSize", "INVALID_VALUE"),
    "/api/v1/tickets?pageSize=101": (400, "INVALID_REQUEST", "?pageSize", "INT32_GTE_LTE"),
    "/api/v1/tickets?pageSize=1&pageSize=2": (400, "INVALID_REQUEST", "?pageSize", "REPEATED"),
    "/api/v1/tickets?status=CLOSED": (400, "INVALID_REQUEST", "?status", "INVALID_VALUE"),
    "/api/v1/tickets?status=STATUS_FILTER_OPEN": (400, "INVALID_REQUEST", "?status", "INVALID_VALUE"),
    "/api/v1/tickets?status=UNSPECIFIED": (400, "INVALID_REQUEST", "?status", "INVALID_VALUE"),
    "/api/v1/tickets?status=OPEN&status=OPEN": (400, "INVALID_REQUEST", "?status", "REPEATED_UNIQUE"),
    "/api/v1/tickets?view=ALL": (400, "INVALID_REQUEST", "?view", "INVALID_VALUE"),
    "/api/v1/tickets?view=": (400, "INVALID_REQUEST", "?view", "INVALID_VALUE"),
    "/api/v1/tickets?levelId=": (400, "INVALID_REQUEST", "?levelId", "STRING_UUID"),
    "/api/v1/tickets?departmentId=1": (400, "INVALID_REQUEST", "?departmentId", "STRING_UUID"),
    "/api/v1/tickets?pageToken=" + "x" * 1001: (400, "INVALID_REQUEST", "?pageToken", "STRING_MAX_LEN"),
    "/api/v1/tickets?view=%FF": (400, "INVALID_REQUEST", None, None),
    "/api/v1/tickets?" + "&".join("status=OPEN" for _ in range(101)): (400, "INVALID_REQUEST", None, None),
    "/api/v1/tickets/abc": (400, "INVALID_REQUEST", "{ticketId}", "STRING_UUID"),
    "/api/v1/tickets/%FF%00": (400, "INVALID_REQUEST", "{ticketId}", "STRING_UUID"),
    "/api/v1/tickets/abc/messages": (400, "INVALID_REQUEST", "{ticketId}", "STRING_UUID"),
    f"/api/v1/tickets/abc/attachments/{UUID}": (400, "INVALID_REQUEST", "{ticketId}", "STRING_UUID"),
    "/api/v1/me?x=1": (400, "UNKNOWN_FIELD", "?x", "UNKNOWN_FIELD"),
    "/api/v1/events?x=1": (400, "UNKNOWN_FIELD", "?x", "UNKNOWN_FIELD"),
    f"/api/v1/tickets/{UUID}/attachments/{UUID}?disposition=show": (400, "INVALID_REQUEST", "?disposition", None),
    f"/api/v1/tickets/{UUID}/attachments/{UUID}?d=inline": (400, "UNKNOWN_FIELD", "?d", "UNKNOWN_FIELD"),
    "/api/v1/nothing": (404, "NOT_FOUND", None, None),
    "/api/v1/tickets/": (404, "NOT_FOUND", None, None),
}


@pytest.mark.parametrize("path", QUERIES)
def test_a_bad_query_is_named(client: httpx.Client, world: World, path: str) -> None:
    expect(client.get(path, headers=world.headers()), *QUERIES[path])


DEEP = b'{"etag":' + b"[" * 25 + b"]" * 25 + b"}"
VERY_DEEP = b"[" * 500_000
# Body → status, code, pointer and code of the first error.
BODIES: list[tuple[bytes, int, str, str | None, str | None]] = [
    (b"{", 400, "INVALID_JSON", None, None),
    (b"[]", 400, "INVALID_JSON", None, None),
    (b"null", 400, "INVALID_JSON", None, None),
    (b'"x"', 400, "INVALID_JSON", None, None),
    (b"{} {}", 400, "INVALID_JSON", None, None),
    (b"\xef\xbb\xbf{}", 400, "INVALID_JSON", None, None),
    (b'{"etag": "\xff"}', 400, "INVALID_JSON", None, None),
    ('{"etag": "é"}'.encode("utf-16"), 400, "INVALID_JSON", None, None),
    (b'{"etag": NaN}', 400, "INVALID_JSON", None, None),
    (b'{"etag": ' + b"9" * 5_000 + b"}", 400, "INVALID_JSON", None, None),
    (DEEP, 400, "INVALID_JSON", None, None),
    (VERY_DEEP, 400, "INVALID_JSON", None, None),
    (b'{"etag": "1", "etag": "2"}', 400, "INVALID_JSON", "/etag", "DUPLICATE"),
    (b'{"holder": "x"}', 400, "UNKNOWN_FIELD", "/holder", "UNKNOWN_FIELD"),
    (b'{"request_id": "x"}', 400, "UNKNOWN_FIELD", "/request_id", "UNKNOWN_FIELD"),
    (b'{"ticketId": "x"}', 400, "UNKNOWN_FIELD", "/ticketId", "UNKNOWN_FIELD"),
    (b'{"a/b~c": 1}', 400, "UNKNOWN_FIELD", "/a~1b~0c", "UNKNOWN_FIELD"),
    (b'{"\\ud800": "x"}', 400, "UNKNOWN_FIELD", "/?", "UNKNOWN_FIELD"),
    (b'{"\\ud800": 1, "\\ud800": 2}', 400, "INVALID_JSON", "/?", "DUPLICATE"),
    (b'{"etag": 1}', 400, "INVALID_REQUEST", "/etag", "WRONG_TYPE"),
    (b'{"etag": null}', 400, "INVALID_REQUEST", "/etag", "WRONG_TYPE"),
    (b'{"etag": true}', 400, "INVALID_REQUEST", "/etag", "WRONG_TYPE"),
    (b'{"etag": ["x"]}', 400, "INVALID_REQUEST", "/etag", "WRONG_TYPE"),
    (b'{"etag": {}}', 400, "INVALID_REQUEST", "/etag", "WRONG_TYPE"),
    (b'{"etag": "\\ud800"}', 400, "INVALID_REQUEST", "/etag", "INVALID_VALUE"),
    (b'{"etag": "' + b"x" * 101 + b'"}', 400, "INVALID_REQUEST", "/etag", "STRING_MAX_LEN"),
    (b'{"etag": "' + b"x" * 1024 * 1024 + b'"}', 413, "BODY_TOO_LARGE", None, None),
]


# Body → what is said of it.
PLACES = {
    b'{"etag": "1",}': "The body is not JSON at line 1, column 14: ",
    b'{\n  "etag" "1"\n}': "The body is not JSON at line 2, column 10: ",
    b'{"etag": "\xff"}': "The body is not UTF-8 at byte 11.",
    b'{"etag": NaN}': "The body is not JSON: NaN ",
    b'{"etag": ' + b"9" * 5_000 + b"}": "The body is not JSON: a number has more than 1000 digits.",
    b"[]": "The body must be a JSON object.",
    DEEP: "The body is nested more than 20 levels deep.",
}


@pytest.mark.parametrize("body", PLACES, ids=lambda body: body[:20])
def test_what_is_no_json_is_told_where_it_ceases_to_be(client: httpx.Client, world: World, body: bytes) -> None:
    headers = world.headers() | {"Content-Type": "application/json"}
    problem = expect(client.post(START, headers=headers, content=body), 400, "INVALID_JSON", None, "INVALID_JSON")
    assert problem["detail"].startswith(PLACES[body])
    # RFC 6901: the empty pointer is the whole document.
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["detail"]) == ("", problem["detail"])


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_of_another_media_type_is_told_the_expected_one(
    client: httpx.Client, world: World, content_type: str
) -> None:
    answer = client.post(START, headers=world.headers() | {"Content-Type": content_type}, content=b"{}")
    problem = expect(answer, 415, "MEDIA_TYPE_UNSUPPORTED", "Content-Type", "MEDIA_TYPE_UNSUPPORTED")
    assert problem["errors"][0]["detail"] == problem["detail"] == "The body must be application/json."
    assert problem["allowed"] == ["application/json"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("?pageSize=101", "pageSize: must be greater than or equal to 0 and less than or equal to 100."),
        ("?departmentId=1&levelId=2", "departmentId: must be a valid UUID (and 1 more)."),
        ("/abc", "ticketId: must be a valid UUID."),
    ],
)
def test_details_name_fields_as_the_api_does(client: httpx.Client, world: World, path: str, words: str) -> None:
    assert client.get(f"/api/v1/tickets{path}", headers=world.headers()).json()["detail"] == words


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case[0][:30])
def test_a_bad_body_is_named(client: httpx.Client, world: World, case: Any) -> None:
    body, *expected = case
    headers = world.headers() | {"Content-Type": "application/json"}
    expect(client.post(START, headers=headers, content=body), *expected)
    assert not world.calls_of("StartTicket") or expected[-1] == "STRING_MAX_LEN"


def test_a_long_body_without_a_length_is_refused_as_well(client: httpx.Client, world: World) -> None:
    def chunks() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    headers = world.headers() | {"Content-Type": "application/json"}
    expect(client.post(START, headers=headers, content=chunks()), 413, "BODY_TOO_LARGE", None, None)


@pytest.mark.parametrize(
    ("headers", "status", "code", "pointer"),
    [
        ({"If-Match": '"7'}, 400, "INVALID_REQUEST", "If-Match"),
        ({"If-Match": '"1", "2"'}, 400, "INVALID_REQUEST", "If-Match"),
        ({"If-Match": '""'}, 400, "INVALID_REQUEST", "If-Match"),
        ({"If-Match": '"' + "x" * 101 + '"'}, 400, "INVALID_REQUEST", "If-Match"),
        ({"Idempotency-Key": "a b"}, 400, "INVALID_REQUEST", "Idempotency-Key"),
        ({"Idempotency-Key": "x" * 101}, 400, "INVALID_REQUEST", "Idempotency-Key"),
        ({"Content-Type": "text/plain"}, 415, "MEDIA_TYPE_UNSUPPORTED", None),
        ({"Content-Type": ""}, 415, "MEDIA_TYPE_UNSUPPORTED", None),
        ({f"X-{n}": "x" for n in range(120)}, 431, "TOO_MANY_HEADERS", None),
    ],
)
def test_a_bad_header_is_named(
    client: httpx.Client, world: World, headers: dict[str, str], status: int, code: str, pointer: str | None
) -> None:
    given = {"Content-Type": "application/json"} | headers | world.headers()
    expect(client.post(START, headers=given, content=b'{"requestId": ""}'), status, code, pointer, None)


def test_a_header_that_contradicts_the_body_is_refused(client: httpx.Client, world: World) -> None:
    headers = world.headers() | {"If-Match": '"1"'}
    expect(client.post(START, headers=headers, json={"etag": "2"}), 400, "INVALID_REQUEST", "If-Match", None)


def test_the_allowed_values_are_told(client: httpx.Client, world: World) -> None:
    problem = client.get("/api/v1/tickets?status=open", headers=world.headers()).json()
    assert problem["allowed"] == STATUSES
    assert "CREATED_OR_OPEN" in problem["errors"][0]["detail"]


def test_a_method_that_an_address_does_not_know_is_told_the_ones_it_does(client: httpx.Client, world: World) -> None:
    answer = client.delete("/api/v1/tickets", headers=world.headers())
    expect(answer, 405, "METHOD_NOT_ALLOWED", None, None)
    assert answer.headers["Allow"] == "GET, HEAD"


class AlreadyStarted(Failure):
    reason = "TICKET_ALREADY_STARTED"


class TransitionNotAllowed(Failure):
    reason = "TRANSITION_NOT_ALLOWED"


class Stale(Failure):
    code = grpc.StatusCode.ABORTED
    reason = "STALE"


class Exhausted(Failure):
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "TOO_MANY_ATTEMPTS"


class Away(Failure):
    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"


class TokenRejected(Failure):
    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "TOKEN_INVALID"


class NotAllowed(Failure):
    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "NOT_ALLOWED"


FAILURES: list[tuple[Exception, int, str, dict[str, Any]]] = [
    (
        AlreadyStarted("Bruno has it.", {"holderId": "1", "holderName": "Bruno"}),
        409,
        "TICKET_ALREADY_STARTED",
        {"holder": "Bruno"},
    ),
    (
        TransitionNotAllowed("No.", {"allowedVerbs": "release,conclude", "status": "STARTED"}),
        409,
        "TRANSITION_NOT_ALLOWED",
        {"allowedVerbs": ["release", "conclude"]},
    ),
    (TransitionNotAllowed("No.", {"allowedVerbs": ""}), 409, "TRANSITION_NOT_ALLOWED", {"allowedVerbs": []}),
    (Stale("It has changed."), 412, "STALE", {}),
    (TicketNotFound("No such ticket."), 404, "TICKET_NOT_FOUND", {}),
    (NotAllowed("No."), 403, "NOT_ALLOWED", {}),
    (Exhausted("Wait.", {"retry_after": "30"}), 429, "TOO_MANY_ATTEMPTS", {"retryAfter": 30}),
    (Away("secret text"), 504, "DEADLINE_EXCEEDED", {"retryAfter": 1}),
    (TokenRejected("secret text"), 500, "INTERNAL", {}),
    (RuntimeError("secret text"), 500, "INTERNAL", {}),
]


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: f"{case[2]}-{case[1]}")
def test_a_failure_of_a_service_becomes_the_problem_of_its_reason(
    client: httpx.Client, world: World, case: Any
) -> None:
    failure, status, code, members = case
    world.failures["StartTicket"] = failure
    answer = client.post(START, headers=world.headers())
    problem = expect(answer, status, code, None, None)
    assert {name: problem[name] for name in members} == members
    assert "secret" not in answer.text
    if "retryAfter" in members:
        assert answer.headers["Retry-After"] == str(members["retryAfter"])


def test_etags_of_violations_point_to_where_the_value_stood(client: httpx.Client, world: World) -> None:
    answer = client.post(START, headers=world.headers(), json={"etag": "x" * 101, "requestId": "y" * 101})
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/etag", "/requestId"}


def expect(answer: httpx.Response, status: int, code: str, pointer: str | None, error: str | None) -> dict[str, Any]:
    problem: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(problem) >= {"type", "title", "status", "detail", "code", "errors", "traceId"}
    assert problem["status"] == status
    if pointer:
        assert problem["errors"][0]["pointer"] == pointer
    if error:
        assert problem["errors"][0]["code"] == error
    return problem


def test_no_problem_tells_more_than_its_id_about_a_stranger(client: httpx.Client, world: World) -> None:
    """The same answer for a ticket of others as for none at all."""
    world.failures["GetTicket"] = TicketNotFound("There is no such ticket.")
    hidden = world.add_ticket(subject="segredo")
    answers = [client.get(f"/api/v1/tickets/{id}", headers=world.headers()).json() for id in (hidden.id, str(uuid4()))]
    for answer in answers:
        answer.pop("traceId")
    assert answers[0] == answers[1]
