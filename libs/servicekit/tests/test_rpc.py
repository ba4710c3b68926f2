"""The edge of every service: who may call, what is refused, and what a failure shows."""

import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import grpc
import pytest
from google.protobuf import timestamp_pb2
from guiche.mail.v1 import message_service_pb2 as mail_pb2
from guiche.mail.v1 import message_service_pb2_grpc as mail_grpc
from guiche.ticket.v1 import ticket_service_pb2 as ticket_pb2
from guiche.ticket.v1 import ticket_service_pb2_grpc as ticket_grpc

from servicekit.errors import Failure, RemoteFailure
from servicekit.rpc.caller import CALLER, Attendant, calling_attendant, grant
from servicekit.rpc.client import Peer
from servicekit.rpc.server import make_server
from servicekit.tokens import Keys

ATTENDANT = Attendant(str(uuid4()), str(uuid4()))
KeysOf = Callable[[str], Keys]


class Taken(Failure):
    reason = "TICKET_ALREADY_STARTED"


class Tickets(ticket_grpc.TicketServiceServicer):
    """Answers with what the test asks for by the page token."""

    def ListTickets(
        self, request: ticket_pb2.ListTicketsRequest, context: grpc.ServicerContext
    ) -> ticket_pb2.ListTicketsResponse:
        if request.page_token == "taken":
            raise Taken("Ana has it.", {"holder": "Ana"})
        if request.page_token == "broken":
            raise RuntimeError("password=secret")
        if request.page_token == "slow":
            time.sleep(1.0)
        return ticket_pb2.ListTicketsResponse(next_page_token=calling_attendant().id)

    def OpenTickets(
        self, request: ticket_pb2.OpenTicketsRequest, context: grpc.ServicerContext
    ) -> ticket_pb2.OpenTicketsResponse:
        return ticket_pb2.OpenTicketsResponse()


class Messages(mail_grpc.MessageServiceServicer):
    def ListMessages(
        self, request: mail_pb2.ListMessagesRequest, context: grpc.ServicerContext
    ) -> mail_pb2.ListMessagesResponse:
        return mail_pb2.ListMessagesResponse(next_page_token=grant()["ticket"])


@pytest.fixture
def address(keys_of: KeysOf) -> Iterator[str]:
    server, port = make_server(
        keys_of("ticket"),
        "127.0.0.1:0",
        [
            lambda server: ticket_grpc.add_TicketServiceServicer_to_server(Tickets(), server)  # type: ignore[abstract]  # the calls made here suffice
        ],
    )
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def gateway(keys_of: KeysOf, address: str) -> Iterator[Peer]:
    peer = Peer(keys_of("gateway"), "ticket", address)
    yield peer
    peer.close()


def list_tickets(peer: Peer, page_token: str = "", timeout: float = 5.0) -> ticket_pb2.ListTicketsResponse:
    stub = ticket_grpc.TicketServiceStub(peer.channel)
    request = ticket_pb2.ListTicketsRequest(page_token=page_token)
    return peer.call(stub.ListTickets, request, ATTENDANT, timeout=timeout)


def with_token(address: str, token: str | None) -> grpc.StatusCode:
    """How a call with this token ends."""
    with grpc.insecure_channel(address) as channel:
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        try:
            ticket_grpc.TicketServiceStub(channel).ListTickets(ticket_pb2.ListTicketsRequest(), metadata=metadata)
        except grpc.RpcError as error:
            assert isinstance(error, grpc.Call)
            return error.code()
    return grpc.StatusCode.OK


def claims() -> dict[str, str]:
    return {"sub": ATTENDANT.id, "org": ATTENDANT.organization_id}


def test_a_call_on_behalf_of_an_attendant_names_them_to_the_handler(gateway: Peer) -> None:
    assert list_tickets(gateway).next_page_token == ATTENDANT.id


def test_a_call_without_a_token_is_refused(address: str) -> None:
    assert with_token(address, None) is grpc.StatusCode.UNAUTHENTICATED
    assert with_token(address, "") is grpc.StatusCode.UNAUTHENTICATED


def test_a_token_that_expired_is_refused(keys_of: KeysOf, address: str) -> None:
    keys = keys_of("gateway")
    assert with_token(address, keys.sign("ticket", 60, claims())) is grpc.StatusCode.OK
    assert with_token(address, keys.sign("ticket", -60, claims())) is grpc.StatusCode.UNAUTHENTICATED


def test_a_forged_token_is_refused(keys_of: KeysOf, address: str) -> None:
    other = keys_of("mail")
    forged = Keys("gateway", other.private, other.public).sign("ticket", 60, claims())
    honest = keys_of("gateway").sign("ticket", 60, claims())
    for token in (forged, honest[:-4] + "AAAA", "a.b.c", "x" * 5000):
        assert with_token(address, token) is grpc.StatusCode.UNAUTHENTICATED


def test_a_token_for_another_service_is_refused(keys_of: KeysOf, address: str) -> None:
    assert with_token(address, keys_of("gateway").sign("mail", 60, claims())) is grpc.StatusCode.UNAUTHENTICATED


def test_a_service_that_may_not_call_a_method_is_refused(keys_of: KeysOf, address: str) -> None:
    assert with_token(address, keys_of("publisher").sign("ticket", 60, claims())) is grpc.StatusCode.UNAUTHENTICATED


def test_a_method_for_attendants_refuses_a_call_that_names_none(keys_of: KeysOf, address: str) -> None:
    assert with_token(address, keys_of("gateway").sign("ticket", 60, {})) is grpc.StatusCode.UNAUTHENTICATED


def test_a_request_that_breaks_its_contract_is_refused_with_the_fields_named(gateway: Peer) -> None:
    stub = ticket_grpc.TicketServiceStub(gateway.channel)
    request = ticket_pb2.ListTicketsRequest(page_size=-1, level_id="nothing")
    with pytest.raises(RemoteFailure) as refused:
        gateway.call(stub.ListTickets, request, ATTENDANT)
    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert {violation.field for violation in refused.value.violations} == {"page_size", "level_id"}
    assert refused.value.detail == "levelId: must be a valid UUID (and 1 more)."


def test_fields_within_lists_are_named_with_their_place(keys_of: KeysOf, address: str) -> None:
    routing = Peer(keys_of("routing"), "ticket", address)
    stub = ticket_grpc.TicketServiceStub(routing.channel)
    opening = ticket_pb2.TicketOpening(occurred_at=timestamp_pb2.Timestamp())
    with pytest.raises(RemoteFailure) as refused:
        routing.call(stub.OpenTickets, ticket_pb2.OpenTicketsRequest(openings=[opening]))
    routing.close()
    assert "openings[0].message_id" in {violation.field for violation in refused.value.violations}


def test_an_expected_failure_arrives_with_its_reason_and_metadata(gateway: Peer) -> None:
    with pytest.raises(RemoteFailure) as failed:
        list_tickets(gateway, "taken")
    assert (failed.value.code, failed.value.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TICKET_ALREADY_STARTED")
    assert failed.value.metadata == {"holder": "Ana"}


def test_an_unexpected_error_shows_nothing(gateway: Peer) -> None:
    with pytest.raises(RemoteFailure) as failed:
        list_tickets(gateway, "broken")
    assert failed.value.code is grpc.StatusCode.INTERNAL
    assert "secret" not in str(failed.value.detail)


def test_a_call_ends_at_its_deadline(gateway: Peer) -> None:
    with pytest.raises(RemoteFailure) as failed:
        list_tickets(gateway, "slow", timeout=0.1)
    assert failed.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_neighbour_that_is_away_is_unavailable(keys_of: KeysOf) -> None:
    peer = Peer(keys_of("gateway"), "ticket", "127.0.0.1:1")
    with pytest.raises(RemoteFailure) as failed:
        list_tickets(peer)
    peer.close()
    assert failed.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_method_that_asks_for_a_grant_refuses_calls_without_a_fitting_one(keys_of: KeysOf) -> None:
    server, port = make_server(
        keys_of("mail"),
        "127.0.0.1:0",
        [
            lambda server: mail_grpc.add_MessageServiceServicer_to_server(Messages(), server)  # type: ignore[abstract]  # the calls made here suffice
        ],
    )
    server.start()
    peer = Peer(keys_of("gateway"), "mail", f"127.0.0.1:{port}")
    stub = mail_grpc.MessageServiceStub(peer.channel)
    ticket_id = str(uuid4())
    fitting = {"sub": ATTENDANT.id, "action": "GRANT_ACTION_READ_MESSAGES", "ticket": ticket_id}

    def ask(given: str) -> mail_pb2.ListMessagesResponse:
        return peer.call(stub.ListMessages, mail_pb2.ListMessagesRequest(ticket_id=ticket_id), ATTENDANT, grant=given)

    ticket = keys_of("ticket")
    assert ask(ticket.sign("mail", 60, fitting)).next_page_token == ticket_id
    for wrong in (
        "",
        ticket.sign("mail", -60, fitting),
        ticket.sign("mail", 60, {**fitting, "sub": str(uuid4())}),
        ticket.sign("mail", 60, {**fitting, "action": "GRANT_ACTION_UNSPECIFIED"}),
        keys_of("gateway").sign("mail", 60, fitting),
    ):
        with pytest.raises(RemoteFailure) as refused:
            ask(wrong)
        assert refused.value.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
    peer.close()
    server.stop(None).wait()


def test_outside_of_a_call_nobody_is_calling() -> None:
    assert CALLER.get(None) is None
