"""What is wrong with a body that holds objects and lists is named by its place, whatever the route."""

import json
from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest
from google.api import annotations_pb2
from guiche.ticket.v1 import verb_service_pb2

from gateway.testing import World
from servicekit.errors import Failure, Violation

UUID = "0197b000-0000-7000-8000-000000000001"
TICKET = f"/api/v1/tickets/{UUID}"
TYPES = "/api/v1/serviceTypes"
FIELD = {"name": "Pedido", "kind": "TEXT"}

# Method and path, body → code, pointer and code of the first error.
CASES: list[tuple[str, Any, str, str, str]] = [
    (f"POST {TICKET}:reply", {}, "INVALID_REQUEST", "/thenStatus", "REQUIRED"),
    (f"POST {TICKET}:reply", {"thenStatus": "STARTED"}, "INVALID_REQUEST", "/thenStatus", "INVALID_VALUE"),
    (f"POST {TICKET}:reply", {"thenStatus": 4}, "INVALID_REQUEST", "/thenStatus", "WRONG_TYPE"),
    (f"POST {TICKET}:reply", {"messageId": UUID}, "UNKNOWN_FIELD", "/messageId", "UNKNOWN_FIELD"),
    (f"POST {TICKET}:reply", {"etag": "1"}, "UNKNOWN_FIELD", "/etag", "UNKNOWN_FIELD"),
    (f"POST {TICKET}:reply", {"to": "a@b.c"}, "INVALID_REQUEST", "/to", "WRONG_TYPE"),
    (f"POST {TICKET}:reply", {"to": [None]}, "INVALID_REQUEST", "/to/0", "WRONG_TYPE"),
    (
        f"POST {TICKET}:reply",
        {"to": ["a@b.c"] * 51, "thenStatus": "OPEN"},
        "INVALID_REQUEST",
        "/to",
        "REPEATED_MAX_ITEMS",
    ),
    (f"POST {TICKET}:reply", {"seenUpTo": ""}, "INVALID_REQUEST", "/seenUpTo", "STRING_UUID"),
    (
        f"POST {TICKET}:reply",
        {"attachmentIds": [UUID, UUID], "thenStatus": "OPEN"},
        "INVALID_REQUEST",
        "/attachmentIds",
        "REPEATED_UNIQUE",
    ),
    (f"POST {TICKET}:reply", {"awaiting": "FOLLOW"}, "INVALID_REQUEST", "/awaiting", "WRONG_TYPE"),
    (f"POST {TICKET}:reply", {"awaiting": []}, "INVALID_REQUEST", "/awaiting", "WRONG_TYPE"),
    (f"POST {TICKET}:reply", {"awaiting": {"untl": 1}}, "UNKNOWN_FIELD", "/awaiting/untl", "UNKNOWN_FIELD"),
    (f"POST {TICKET}:reply", {"awaiting": {"mode": "HOLD"}}, "INVALID_REQUEST", "/awaiting/mode", "INVALID_VALUE"),
    (
        f"POST {TICKET}:reply",
        {"thenStatus": "PENDING", "awaiting": {}},
        "INVALID_REQUEST",
        "/awaiting/mode",
        "REQUIRED",
    ),
    (f"POST {TICKET}:awaitReply", {}, "INVALID_REQUEST", "/mode", "REQUIRED"),
    (f"POST {TICKET}:awaitReply", {"until": 1700000000}, "INVALID_REQUEST", "/until", "WRONG_TYPE"),
    (f"POST {TICKET}:setStatus", {"status": "ANSWERED"}, "INVALID_REQUEST", "/status", "INVALID_VALUE"),
    (f"POST {TICKET}:setPriority", {}, "INVALID_REQUEST", "/priority", "REQUIRED"),
    (
        f"POST {TICKET}:conclude",
        {"classification": {}},
        "INVALID_REQUEST",
        "/classification/serviceTypeId",
        "STRING_UUID_EMPTY",
    ),
    (
        f"POST {TICKET}:conclude",
        {"classification": {"serviceTypeId": UUID, "data": [{"fieldId": UUID}, {"fieldId": "x"}]}},
        "INVALID_REQUEST",
        "/classification/data/1/fieldId",
        "STRING_UUID",
    ),
    (
        f"POST {TICKET}:conclude",
        {"classification": {"data": [{"value": 1}]}},
        "INVALID_REQUEST",
        "/classification/data/0/value",
        "WRONG_TYPE",
    ),
    (
        f"POST {TICKET}:conclude",
        {"classification": {"data": [[]]}},
        "INVALID_REQUEST",
        "/classification/data/0",
        "WRONG_TYPE",
    ),
    (f"PUT {TICKET}/serviceType", {"data": [{"fieldId": "x"}]}, "INVALID_REQUEST", "/data/0/fieldId", "STRING_UUID"),
    (f"POST {TYPES}", {}, "INVALID_REQUEST", "/name", "STRING_MIN_LEN"),
    (
        f"POST {TYPES}",
        {"name": "a", "fields": [FIELD, {"name": "b"}]},
        "INVALID_REQUEST",
        "/fields/1/kind",
        "REQUIRED",
    ),
    (f"POST {TYPES}", {"name": "a", "fields": [FIELD] * 101}, "INVALID_REQUEST", "/fields", "REPEATED_MAX_ITEMS"),
    (
        f"POST {TYPES}",
        {"name": "a", "fields": [FIELD | {"choices": [{"name": "x" * 101}]}]},
        "INVALID_REQUEST",
        "/fields/0/choices/0/name",
        "STRING_MAX_LEN",
    ),
    (f"PUT {TYPES}/{UUID}", {"name": "a"}, "INVALID_REQUEST", "/etag", "STRING_MIN_LEN"),
    ("PUT /api/v1/serviceTypes/x", {"name": "a", "etag": "1"}, "INVALID_REQUEST", "{serviceTypeId}", "STRING_UUID"),
    ("PUT /api/v1/departments/x/closingRules", {}, "INVALID_REQUEST", "{departmentId}", "STRING_UUID"),
    (f"POST {TICKET}/messages/x:resend", {}, "INVALID_REQUEST", "{messageId}", "STRING_UUID"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].split('/')[-1]}-{case[3]}-{case[4]}")
def test_the_place_within_a_body_is_named(client: httpx.Client, world: World, case: Any) -> None:
    target, body, code, pointer, error = case
    world.tickets[UUID] = world.add_ticket()
    method, path = target.split()
    answer = client.request(method, path, headers=world.headers(), json=body)
    problem = json.loads(answer.content)
    assert (answer.status_code, problem["code"]) == (400, code), problem
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (pointer, error)


@pytest.mark.parametrize(
    ("target", "body", "name", "allowed"),
    [
        ("reply", {}, "thenStatus", ["OPEN", "PENDING", "RESOLVED", "CLOSED"]),
        ("setPriority", {}, "priority", ["LOW", "MEDIUM_LOW", "MEDIUM", "MEDIUM_HIGH", "HIGH"]),
        ("awaitReply", {}, "mode", ["FOLLOW", "RELEASE"]),
        ("reply", {"thenStatus": "PENDING", "awaiting": {}}, "awaiting.mode", ["FOLLOW", "RELEASE"]),
    ],
)
def test_a_choice_that_is_missing_names_what_can_be_chosen_as_a_wrong_one_does(
    client: httpx.Client, world: World, target: str, body: Any, name: str, allowed: list[str]
) -> None:
    world.tickets[UUID] = world.add_ticket()
    problem = client.post(f"{TICKET}:{target}", headers=world.headers(), json=body).json()
    words = f"missing; must be one of {', '.join(allowed)}"
    assert (problem["errors"][0]["detail"], problem["allowed"]) == (words, allowed)
    assert problem["detail"] == f"{name}: {words}."


@pytest.mark.parametrize(
    "until",
    ["", "amanhã", "2026-11-21", "2026-11-21T12:00:00", "2026-13-21T12:00:00Z", "2026-11-21T12:00:61Z", "1" * 5000,
     "2026-11-21 T12:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:00", "٢٠٢٦-11-21T12:00:00Z"],
)  # fmt: skip
def test_what_is_no_time_is_named(client: httpx.Client, world: World, until: str) -> None:
    answer = client.post(f"{TICKET}:awaitReply", headers=world.headers(), json={"mode": "FOLLOW", "until": until})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/until")
    assert not world.calls


@pytest.mark.parametrize(
    ("until", "seconds"),
    [
        ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"),
        ("2026-11-21t12:00:00.123456789z", "2026-11-21T12:00:00.123456Z"),
        ("2026-11-21T09:00:00-03:00", "2026-11-21T12:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_read_as_rfc_3339_has_it(client: httpx.Client, world: World, until: str, seconds: str) -> None:
    ticket = world.add_ticket()
    path = f"/api/v1/tickets/{ticket.id}:awaitReply"
    assert client.post(path, headers=world.headers(), json={"mode": "FOLLOW", "until": until}).status_code == 200
    assert world.calls_of("AwaitReply")[0].request.until.ToJsonString() == seconds


ROUTES = [
    method.GetOptions().Extensions[annotations_pb2.http].post
    for method in verb_service_pb2.DESCRIPTOR.services_by_name["VerbService"].methods
]
VERBS = ("reply", *(route.rpartition(":")[2] for route in ROUTES if route))
BODIES = {
    "awaitReply": {"mode": "FOLLOW"},
    "setStatus": {"status": "OPEN"},
    "setPriority": {"priority": "HIGH"},
    "reply": {"thenStatus": "OPEN"},
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_ticket_of_another_level_is_as_good_as_none_for_every_verb(
    client: httpx.Client, world: World, verb: str
) -> None:
    path = f"/api/v1/tickets/{uuid4()}:{verb}"
    answer = client.post(path, headers=world.headers(), json=BODIES.get(verb, {}))
    assert (answer.status_code, answer.json()["code"]) == (404, "TICKET_NOT_FOUND")
    assert not world.calls_of("PrepareReply")


@pytest.mark.parametrize("path", ["messages", "replyOptions", f"messages/{UUID}:resend"])
def test_the_messages_of_an_invisible_ticket_cannot_be_touched(client: httpx.Client, world: World, path: str) -> None:
    method = "POST" if path.endswith("resend") else "GET"
    answer = client.request(method, f"/api/v1/tickets/{uuid4()}/{path}", headers=world.headers())
    assert (answer.status_code, answer.json()["code"]) == (404, "TICKET_NOT_FOUND")
    assert [call.method for call in world.calls] == ["AuthorizeTicket"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_in_the_header_and_another_in_the_body_are_refused(client: httpx.Client, world: World, verb: str) -> None:
    ticket = world.add_ticket()
    headers = world.headers() | {"Idempotency-Key": "one"}
    body = BODIES.get(verb, {}) | {"requestId": "two"}
    answer = client.post(f"/api/v1/tickets/{ticket.id}:{verb}", headers=headers, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "Idempotency-Key")
    assert not world.calls


def test_reading_is_granted_for_reading_and_writing_for_writing(client: httpx.Client, world: World) -> None:
    base = f"/api/v1/tickets/{world.add_ticket().id}"
    assert client.get(f"{base}/messages", headers=world.headers()).status_code == 200
    assert client.get(f"{base}/replyOptions", headers=world.headers()).json()["maxAttachmentBytes"] == "20971520"
    assert client.post(f"{base}/messages/{UUID}:resend", headers=world.headers()).json()["direction"] == "OUT"
    grants = [call.caller.grant["action"] for call in world.calls if call.caller.grant]
    assert grants == ["GRANT_ACTION_READ_MESSAGES", "GRANT_ACTION_REPLY", "GRANT_ACTION_REPLY"]


class Unfit(Failure):
    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("target", "body", "method", "above"),
    [
        (f"PUT {TICKET}/serviceType", {"serviceTypeId": UUID}, "SetServiceType", ""),
        (f"POST {TICKET}:conclude", {"classification": {"serviceTypeId": UUID}}, "ConcludeTicket", "/classification"),
        (f"POST {TICKET}:reply", {"thenStatus": "CLOSED"}, "ReplyTicket", "/classification"),
    ],
)
def test_what_is_wrong_with_a_classification_is_told_where_it_stands_in_this_body(
    client: httpx.Client, world: World, target: str, body: Any, method: str, above: str
) -> None:
    world.tickets[UUID] = world.add_ticket()
    fields = ("classification.service_type_id", f"classification.data[{UUID}]")
    world.failures[method] = Unfit("No.", violations=[Violation(field, "NUMBER", "No number.") for field in fields])
    verb, path = target.split()
    answer = client.request(verb, path, headers=world.headers(), json=body)
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"{above}/serviceTypeId", f"{above}/data/{UUID}"]


def test_if_match_of_a_service_type_reaches_the_service(client: httpx.Client, world: World) -> None:
    headers = world.headers() | {"If-Match": '"3"'}
    answer = client.put(f"{TYPES}/{UUID}", headers=headers, json={"name": "Troca", "fields": [FIELD], "active": True})
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"3"')
    asked = world.calls_of("UpdateServiceType")[0].request
    assert (asked.service_type_id, asked.etag, asked.active, asked.fields[0].name) == (UUID, "3", True, "Pedido")
