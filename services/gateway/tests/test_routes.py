"""The contracts as routes."""

from uuid import uuid4

import grpc
import httpx
import pytest
from guiche.ticket.v1 import ticket_pb2, ticket_service_pb2

from gateway.testing import World
from servicekit.errors import Failure

UUID = "0197b000-0000-7000-8000-000000000001"


def test_a_list_answers_with_every_field_present(client: httpx.Client, world: World) -> None:
    ticket = world.add_ticket(subject="Não funciona", status=ticket_pb2.TICKET_STATUS_OPEN)
    answer = client.get("/api/v1/tickets", headers=world.headers())
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["nextPageToken"] == ""
    row = body["tickets"][0]
    assert row["id"] == ticket.id
    assert row["status"] == "OPEN"
    assert row["holder"] is None
    assert row["allowedVerbs"] == []
    assert row["subject"] == "Não funciona"


def test_query_parameters_reach_the_service_as_the_fields_of_its_request(client: httpx.Client, world: World) -> None:
    query = f"view=MINE&status=OPEN&status=CREATED_OR_OPEN&departmentId={UUID}&pageSize=25&pageToken="
    assert client.get(f"/api/v1/tickets?{query}", headers=world.headers()).status_code == 200
    asked = world.calls_of("ListTickets")[0].request
    assert asked == ticket_service_pb2.ListTicketsRequest(
        view=ticket_service_pb2.TICKET_VIEW_MINE,
        status=[ticket_service_pb2.STATUS_FILTER_OPEN, ticket_service_pb2.STATUS_FILTER_CREATED_OR_OPEN],
        department_id=UUID,
        page_size=25,
    )


def test_the_call_is_made_on_behalf_of_the_attendant_of_the_token(client: httpx.Client, world: World) -> None:
    attendant = str(uuid4())
    body = client.get("/api/v1/me", headers=world.headers(attendant)).json()
    assert body["attendant"] == {"id": attendant, "name": "Ana"}
    caller = world.calls_of("GetMe")[0].caller
    assert caller.service == "gateway"
    assert caller.attendant is not None
    assert caller.attendant.id == attendant


def test_one_resource_is_the_answer_itself_with_its_etag(client: httpx.Client, world: World) -> None:
    ticket = world.add_ticket()
    answer = client.get(f"/api/v1/tickets/{ticket.id}", headers=world.headers())
    assert answer.json()["id"] == ticket.id
    assert answer.headers["ETag"] == '"7"'


def test_a_verb_never_reaches_the_plain_route(client: httpx.Client, world: World) -> None:
    ticket = world.add_ticket()
    assert client.post(f"/api/v1/tickets/{ticket.id}:start", headers=world.headers()).status_code == 200
    assert client.get(f"/api/v1/tickets/{ticket.id}:start", headers=world.headers()).status_code == 405
    assert client.get(f"/api/v1/tickets/{ticket.id}:other", headers=world.headers()).status_code == 404
    assert not world.calls_of("GetTicket")


def test_counts_are_not_a_ticket_named_counts(client: httpx.Client, world: World) -> None:
    answer = client.get("/api/v1/tickets:counts", headers=world.headers())
    assert answer.json() == {"statuses": [], "departments": [], "total": 0}


@pytest.mark.parametrize(("header", "etag"), [('"7"', "7"), ('W/"7"', "7"), ("7", "7"), ("*", ""), ("", "")])
def test_if_match_reaches_the_service_as_etag(client: httpx.Client, world: World, header: str, etag: str) -> None:
    ticket = world.add_ticket()
    headers = world.headers() | {"If-Match": header, "Idempotency-Key": "k-1"}
    answer = client.post(f"/api/v1/tickets/{ticket.id}:start", headers=headers)
    assert answer.status_code == 200
    asked = world.calls_of("StartTicket")[0].request
    assert (asked.ticket_id, asked.etag, asked.request_id) == (ticket.id, etag, "k-1")
    assert answer.json()["status"] == "STARTED"


def test_a_body_reaches_the_service(client: httpx.Client, world: World) -> None:
    ticket = world.add_ticket()
    body = {"etag": "7", "requestId": "r"}
    answer = client.post(f"/api/v1/tickets/{ticket.id}:start", headers=world.headers(), json=body)
    assert answer.status_code == 200
    asked = world.calls_of("StartTicket")[0].request
    assert (asked.etag, asked.request_id) == ("7", "r")


class Away(Failure):
    code = grpc.StatusCode.UNAVAILABLE


def test_a_call_that_is_made_again_within_is_known_as_the_same(client: httpx.Client, world: World) -> None:
    ticket = world.add_ticket()
    world.failures["StartTicket"] = Away("killed after its commit")
    for calls in (4, 8):
        assert client.post(f"/api/v1/tickets/{ticket.id}:start", headers=world.headers()).status_code == 503
        assert len(world.calls_of("StartTicket")) == calls
    ids = [call.request.request_id for call in world.calls_of("StartTicket")]
    assert all(ids)
    assert len({*ids[:4]}) == len({*ids[4:]}) == 1
    assert ids[0] != ids[4]


def test_messages_and_files_are_out_of_sight_as_soon_as_their_ticket_is(client: httpx.Client, world: World) -> None:
    ticket, attachment = world.add_ticket(), world.add_attachment()
    headers = world.headers()
    base = f"/api/v1/tickets/{ticket.id}"
    assert client.get(f"{base}/messages", headers=headers).json()["messages"][0]["direction"] == "IN"
    assert client.get(f"{base}/attachments/{attachment.id}", headers=headers).status_code == 200
    del world.tickets[ticket.id]
    for path in ("messages", f"attachments/{attachment.id}"):
        answer = client.get(f"{base}/{path}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "TICKET_NOT_FOUND")


def test_messages_of_an_invisible_ticket_do_not_exist(client: httpx.Client, world: World) -> None:
    answer = client.get(f"/api/v1/tickets/{UUID}/messages", headers=world.headers())
    assert answer.status_code == 404
    assert answer.json()["code"] == "TICKET_NOT_FOUND"
    assert not world.calls_of("ListMessages")


def test_nothing_but_the_listed_services_can_be_reached(client: httpx.Client, world: World) -> None:
    for path in ("/guiche.ticket.v1.TicketService/OpenTickets", "/api/v1/tickets:open", "/api/v1/sessions"):
        answer = client.post(path, headers=world.headers(), json={})
        assert answer.status_code == 404
        assert answer.json()["code"] == "NOT_FOUND"
