"""A reply: its way through ticket and mail, done once however often it is repeated."""

from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest
from guiche.mail.v1 import message_service_pb2
from guiche.ticket.v1 import ticket_pb2, verb_service_pb2

from gateway.testing import TicketNotFound, World
from servicekit.errors import Failure, Violation

UUID = "0197b000-0000-7000-8000-000000000001"


class Away(Failure):
    code = grpc.StatusCode.UNAVAILABLE


class Refused(Failure):
    def __init__(self, reason: str, code: grpc.StatusCode, *more: Any) -> None:
        super().__init__("No.", *more)
        self.reason, self.code = reason, code  # type: ignore[misc]


def reply(client: httpx.Client, ticket_id: str, headers: dict[str, str], key: str = "", **body: Any) -> httpx.Response:
    given = {"text": "Olá", "thenStatus": "PENDING"} | body
    more = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/v1/tickets/{ticket_id}:reply", headers=headers | more, json=given)


def test_a_reply_is_prepared_then_released_by_the_verb_under_one_request_id(client: httpx.Client, world: World) -> None:
    ticket, attendant, seen = world.add_ticket(), str(uuid4()), str(uuid4())
    answer = reply(
        client,
        ticket.id,
        world.headers(attendant),
        "k-1",
        accountId=UUID,
        to=["maria@exemplo.com"],
        cc=["a@b.c"],
        bcc=["d@e.f"],
        subject="Re: pedido",
        html="<p>Olá</p>",
        awaiting={"mode": "RELEASE", "until": "2026-11-21T12:00:00.5-03:00"},
        seenUpTo=seen,
        classification={"serviceTypeId": UUID, "data": [{"fieldId": UUID, "value": "48213"}]},
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "PENDING")
    assert answer.headers["ETag"] == '"7"'
    assert world.calls_of("PrepareReply")[0].request == message_service_pb2.PrepareReplyRequest(
        ticket_id=ticket.id,
        request_id="k-1",
        account_id=UUID,
        to=["maria@exemplo.com"],
        cc=["a@b.c"],
        bcc=["d@e.f"],
        subject="Re: pedido",
        text="Olá",
        html="<p>Olá</p>",
    )
    awaiting = verb_service_pb2.Await(mode=verb_service_pb2.AWAIT_MODE_RELEASE)
    awaiting.until.FromJsonString("2026-11-21T15:00:00.500Z")
    data = [ticket_pb2.FieldValue(field_id=UUID, value="48213")]
    assert world.calls_of("ReplyTicket")[0].request == verb_service_pb2.ReplyTicketRequest(
        ticket_id=ticket.id,
        request_id="k-1",
        message_id=world.drafts[attendant, "k-1"],
        then_status=ticket_pb2.TICKET_STATUS_PENDING,
        awaiting=awaiting,
        seen_up_to=seen,
        classification=verb_service_pb2.Classification(service_type_id=UUID, data=data),
    )
    assert [call.method for call in world.calls] == ["AuthorizeTicket", "PrepareReply", "ReplyTicket"]


def test_a_reply_may_be_as_long_as_its_contract_says_and_no_longer(client: httpx.Client, world: World) -> None:
    ticket, headers = world.add_ticket(), world.headers()
    longest = {"text": "ã" * 200_000, "html": "ã" * 500_000}
    assert reply(client, ticket.id, headers, **longest).status_code == 200
    assert world.calls_of("PrepareReply")[0].request.html == longest["html"]
    answer = reply(client, ticket.id, headers, text="x" * 4 * 1024 * 1024)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


def test_what_is_left_out_is_absent_and_not_empty(client: httpx.Client, world: World) -> None:
    ticket = world.add_ticket()
    assert reply(client, ticket.id, world.headers(), awaiting=None, classification=None).status_code == 200
    asked = world.calls_of("ReplyTicket")[0].request
    assert not asked.HasField("awaiting")
    assert not asked.HasField("classification")


def test_without_a_key_one_is_made_and_the_same_for_every_step(client: httpx.Client, world: World) -> None:
    ticket, headers = world.add_ticket(), world.headers()
    reply(client, ticket.id, headers)
    reply(client, ticket.id, headers)
    drafts = [call.request.request_id for call in world.calls_of("PrepareReply")]
    assert all(drafts)
    assert len(set(drafts)) == 2
    assert [call.request.request_id for call in world.calls_of("ReplyTicket")] == drafts
    assert [call.request.request_id for call in world.calls_of("AuthorizeTicket")] == drafts


@pytest.mark.parametrize("step", ["AuthorizeTicket", "PrepareReply", "ReplyTicket"])
@pytest.mark.parametrize("status", ["PENDING", "CLOSED"])
def test_a_call_that_is_repeated_after_an_interruption_anywhere_is_completed_once(
    client: httpx.Client, world: World, step: str, status: str
) -> None:
    ticket, headers = world.add_ticket(), world.headers(str(uuid4()))
    world.failures[step] = Away("killed")
    assert reply(client, ticket.id, headers, "k-1", thenStatus=status).status_code == 503
    del world.failures[step]
    answers = [reply(client, ticket.id, headers, "k-1", thenStatus=status) for _ in range(2)]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, status)] * 2
    assert len(world.drafts) == len(world.released) == 1


def test_a_closed_ticket_can_be_answered_by_nobody_else_with_the_same_key(client: httpx.Client, world: World) -> None:
    ticket = world.add_ticket()
    assert reply(client, ticket.id, world.headers(), "k-1", thenStatus="CLOSED").status_code == 200
    other = reply(client, ticket.id, world.headers(), "k-1", thenStatus="CLOSED")
    assert (other.status_code, other.json()["code"]) == (409, "TRANSITION_NOT_ALLOWED")
    assert len(world.calls_of("PrepareReply")) == 1


REFUSALS: list[tuple[str, Failure, int, dict[str, Any]]] = [
    ("AuthorizeTicket", TicketNotFound("No."), 404, {}),
    ("PrepareReply", Refused("NO_RECIPIENT", grpc.StatusCode.FAILED_PRECONDITION), 409, {}),
    ("PrepareReply", Refused("ACCOUNT_NOT_ALLOWED", grpc.StatusCode.PERMISSION_DENIED), 403, {}),
    ("PrepareReply", Refused("MESSAGE_TOO_LARGE", grpc.StatusCode.INVALID_ARGUMENT), 413, {}),
    (
        "PrepareReply",
        Refused(
            "RECIPIENT_INVALID",
            grpc.StatusCode.INVALID_ARGUMENT,
            {},
            [Violation("to[1]", "RECIPIENT_INVALID", "a@b is no address.")],
        ),
        400,
        {"errors": [{"pointer": "/to/1", "code": "RECIPIENT_INVALID", "detail": "a@b is no address."}]},
    ),
    ("ReplyTicket", Refused("AWAIT_UNTIL_INVALID", grpc.StatusCode.INVALID_ARGUMENT), 400, {}),
    (
        "ReplyTicket",
        Refused("SEEN_UP_TO_STALE", grpc.StatusCode.FAILED_PRECONDITION, {"lastMessageId": UUID}),
        409,
        {"lastMessageId": UUID},
    ),
    (
        "ReplyTicket",
        Refused(
            "SERVICE_TYPE_DATA_MISSING",
            grpc.StatusCode.FAILED_PRECONDITION,
            {},
            [Violation(f"classification.data[{UUID}]", "REQUIRED", "Número do pedido")],
        ),
        409,
        {"errors": [{"pointer": f"/classification/data/{UUID}", "code": "REQUIRED", "detail": "Número do pedido"}]},
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case[1].reason)
def test_what_a_service_refuses_is_the_problem_and_nothing_follows(
    client: httpx.Client, world: World, case: Any
) -> None:
    method, failure, status, members = case
    world.failures[method] = failure
    answer = reply(client, world.add_ticket().id, world.headers())
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, failure.reason)
    assert {name: problem[name] for name in members} == members
    assert world.calls[-1].method == method


def test_the_limits_of_the_contract_are_checked_before_anybody_is_asked(client: httpx.Client, world: World) -> None:
    answer = reply(client, "no-id", world.headers(), text="x" * 200_001, to=["x" * 321], attachmentIds=["1"])
    assert answer.status_code == 400
    pointers = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert pointers == {
        ("{ticketId}", "STRING_UUID"),
        ("/text", "STRING_MAX_LEN"),
        ("/to/0", "STRING_MAX_LEN"),
        ("/attachmentIds/0", "STRING_UUID"),
    }
    assert not world.calls


def test_a_file_somebody_else_has_uploaded_or_for_another_ticket_cannot_be_sent(
    client: httpx.Client, world: World
) -> None:
    ticket, other, me = world.add_ticket(), world.add_ticket(), str(uuid4())
    files = {
        "mine": (me, ticket.id),
        "colleague's": (str(uuid4()), ticket.id),
        "for another ticket": (me, other.id),
    }
    answers = {}
    for name, uploaded_for in files.items():
        file = world.add_attachment()
        world.uploaded_for[file.id] = uploaded_for
        answers[name] = reply(client, ticket.id, world.headers(me), attachmentIds=[file.id]).status_code
    assert answers == {"mine": 200, "colleague's": 404, "for another ticket": 404}
    assert len(world.calls_of("ReplyTicket")) == 1
