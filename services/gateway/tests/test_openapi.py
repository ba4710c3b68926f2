"""The OpenAPI document."""

from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from gateway import comments, openapi
from gateway.contract import routes
from gateway.problems import REASONS, TITLES


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document(comments.read(openapi.GENERATOR))


def test_the_committed_document_is_what_the_contracts_say() -> None:
    assert openapi.TARGET.read_text(encoding="utf-8") == openapi.rendered(), "run: python -m gateway.openapi"


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_operation_says_how_it_fails_and_who_may_call_it(document: dict[str, Any]) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == len(routes()) + 6
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert {"400", "429", "500", "503"} <= set(operation["responses"])
        assert operation["description"]
        assert operation["security"] in ([{"bearer": []}, {"cookie": []}], [{}])


def test_every_operation_has_a_summary_of_a_line(document: dict[str, Any]) -> None:
    summaries = {one["operationId"]: one["summary"] for path in document["paths"].values() for one in path.values()}
    for summary in summaries.values():
        assert 0 < len(summary) <= openapi.SUMMARY_CHARACTERS
        assert "\n" not in summary
        assert not summary.endswith(".")
    assert summaries["getTicket"] == "One ticket"
    assert summaries["startTicket"] == "Takes the ticket"
    assert summaries["reopenTicket"] == "Reopens a ticket: RESOLVED becomes OPEN"
    assert summaries["login"] == "Signs an attendant in"


@pytest.mark.parametrize(
    ("description", "summary"),
    [
        ("Takes mail, e.g. Of two, one.\n\nMore.", "Takes mail, e.g. Of two, one"),
        ("Why? Because.", "Why?"),
        ("word " * 30, "word " * 15 + "word…"),
    ],
)
def test_a_summary_is_the_first_sentence(description: str, summary: str) -> None:
    assert openapi.summary(description) == summary


def test_descriptions_break_between_paragraphs_alone(document: dict[str, Any]) -> None:
    found = list(descriptions(document))
    assert len(found) > 100
    assert not [text for text in found if "\n" in text.replace("\n\n", "")]
    assert comments.tidy(" One line\n and on.\n\n Another.\n") == "One line and on.\n\nAnother."


def descriptions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            yield value["description"]
        for inner in value.values():
            yield from descriptions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from descriptions(inner)


def test_every_body_is_of_a_kind_the_page_of_the_document_can_show(document: dict[str, Any]) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    kinds = {kind for operation in operations for kind in operation.get("requestBody", {}).get("content", {})}
    assert kinds == {"application/json", "application/octet-stream"}


def test_messages_within_a_request_hold_what_may_be_sent_and_only_that(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    asked, answered = schemas["FieldInput"], schemas["Field"]
    assert (asked["required"], asked["additionalProperties"]) == (["name", "kind"], False)
    assert answered["required"] == ["id", "name", "kind", "mandatory", "choices"]
    assert schemas["ReplyToTicketRequest"]["properties"]["awaiting"]["anyOf"][1] == {"type": "null"}
    assert schemas["AwaitInput"]["properties"]["until"]["type"] == ["string", "null"]


def test_only_the_allowed_values_of_an_enum_are_offered(document: dict[str, Any]) -> None:
    reply = document["components"]["schemas"]["ReplyToTicketRequest"]
    assert reply["properties"]["thenStatus"]["enum"] == ["OPEN", "PENDING", "RESOLVED", "CLOSED"]
    assert reply["required"] == ["thenStatus"]


def test_what_a_header_may_say_is_not_demanded_of_the_body(document: dict[str, Any]) -> None:
    update = document["components"]["schemas"]["UpdateServiceTypeRequest"]
    assert "etag" not in update["required"]
    assert "minLength" not in update["properties"]["etag"]


def test_comments_and_limits_of_the_contracts_are_in_the_document(document: dict[str, Any]) -> None:
    listed = document["paths"]["/api/v1/tickets"]["get"]
    assert listed["description"] == "The tickets the attendant may see, newest activity first."
    parameters = {parameter["name"]: parameter for parameter in listed["parameters"]}
    assert parameters["pageSize"]["schema"] == {"type": "integer", "format": "int32", "minimum": 0, "maximum": 100}
    assert parameters["departmentId"]["schema"] == {"type": "string", "format": "uuid"}
    status = parameters["status"]["schema"]
    assert (status["maxItems"], status["uniqueItems"]) == (10, True)
    assert "UNSPECIFIED" not in status["items"]["enum"]
    assert "CREATED_OR_OPEN" in status["items"]["enum"]


def test_a_request_body_holds_what_is_not_in_the_path_and_nothing_else(document: dict[str, Any]) -> None:
    body = document["components"]["schemas"]["StartTicketRequest"]
    assert set(body["properties"]) == {"etag", "requestId"}
    assert body["properties"]["etag"]["maxLength"] == 100
    assert body["additionalProperties"] is False
    assert "required" not in body


def test_every_property_of_an_answer_is_required_and_absent_messages_are_null(document: dict[str, Any]) -> None:
    ticket = document["components"]["schemas"]["Ticket"]
    assert ticket["required"] == list(ticket["properties"])
    assert ticket["properties"]["holder"]["anyOf"] == [{"$ref": "#/components/schemas/Reference"}, {"type": "null"}]
    assert ticket["properties"]["openedAt"] == {"type": ["string", "null"], "format": "date-time"}
    assert document["components"]["schemas"]["Attachment"]["properties"]["size"]["type"] == "string"


def test_every_status_of_a_problem_has_a_title() -> None:
    assert {status for status, _ in REASONS.values()} <= set(TITLES)
