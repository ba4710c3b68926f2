"""VerbService: what attendants do to a ticket, each verb by the one way of handlers.acting."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from guiche.ticket.v1 import verb_service_pb2, verb_service_pb2_grpc

from servicekit import crash
from servicekit.database import Database
from servicekit.idempotency import once
from ticket import answers
from ticket.api.calls import Context, caller, priority_of, status_of
from ticket.domain.verbs import Verb, Wait
from ticket.handlers.acting import Act, act
from ticket.handlers.classifying import Given
from ticket.handlers.reading import read_ticket


class VerbRequest(Protocol):
    """What every verb is told."""

    ticket_id: str
    etag: str
    request_id: str


Response = TypeVar("Response", bound=Message)


class VerbApi(verb_service_pb2_grpc.VerbServiceServicer):
    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self.database = database
        self.clock = clock

    def StartTicket(
        self, request: verb_service_pb2.StartTicketRequest, context: Context
    ) -> verb_service_pb2.StartTicketResponse:
        return self.answer(verb_service_pb2.StartTicketResponse, request, Verb.START)

    def ReplyTicket(
        self, request: verb_service_pb2.ReplyTicketRequest, context: Context
    ) -> verb_service_pb2.ReplyTicketResponse:
        return self.answer(
            verb_service_pb2.ReplyTicketResponse,
            request,
            Verb.REPLY,
            status=status_of(request.then_status),
            message_id=UUID(request.message_id),
            seen_up_to=request.seen_up_to,
            **await_of(request),
            **classification_of(request),
        )

    def AwaitReply(
        self, request: verb_service_pb2.AwaitReplyRequest, context: Context
    ) -> verb_service_pb2.AwaitReplyResponse:
        wait = wait_of(request.mode, request.until if request.HasField("until") else None)
        return self.answer(verb_service_pb2.AwaitReplyResponse, request, Verb.AWAIT, wait=wait)

    def ReleaseTicket(
        self, request: verb_service_pb2.ReleaseTicketRequest, context: Context
    ) -> verb_service_pb2.ReleaseTicketResponse:
        return self.answer(verb_service_pb2.ReleaseTicketResponse, request, Verb.RELEASE)

    def FollowTicket(
        self, request: verb_service_pb2.FollowTicketRequest, context: Context
    ) -> verb_service_pb2.FollowTicketResponse:
        return self.answer(verb_service_pb2.FollowTicketResponse, request, Verb.FOLLOW)

    def SetStatus(
        self, request: verb_service_pb2.SetStatusRequest, context: Context
    ) -> verb_service_pb2.SetStatusResponse:
        return self.answer(
            verb_service_pb2.SetStatusResponse,
            request,
            Verb.SET_STATUS,
            status=status_of(request.status),
            **await_of(request),
            **classification_of(request),
        )

    def SetPriority(
        self, request: verb_service_pb2.SetPriorityRequest, context: Context
    ) -> verb_service_pb2.SetPriorityResponse:
        return self.answer(
            verb_service_pb2.SetPriorityResponse,
            request,
            Verb.SET_PRIORITY,
            priority=priority_of(request.priority),
        )

    def SetServiceType(
        self, request: verb_service_pb2.SetServiceTypeRequest, context: Context
    ) -> verb_service_pb2.SetServiceTypeResponse:
        given = Given(
            UUID(request.service_type_id) if request.service_type_id else None, data_of(request.data), whole=True
        )
        return self.answer(
            verb_service_pb2.SetServiceTypeResponse, request, Verb.SET_SERVICE_TYPE, classification=given
        )

    def ConcludeTicket(
        self, request: verb_service_pb2.ConcludeTicketRequest, context: Context
    ) -> verb_service_pb2.ConcludeTicketResponse:
        return self.answer(
            verb_service_pb2.ConcludeTicketResponse, request, Verb.CONCLUDE, **classification_of(request)
        )

    def FinalizeTicket(
        self, request: verb_service_pb2.FinalizeTicketRequest, context: Context
    ) -> verb_service_pb2.FinalizeTicketResponse:
        return self.answer(
            verb_service_pb2.FinalizeTicketResponse, request, Verb.FINALIZE, **classification_of(request)
        )

    def ReopenTicket(
        self, request: verb_service_pb2.ReopenTicketRequest, context: Context
    ) -> verb_service_pb2.ReopenTicketResponse:
        return self.answer(verb_service_pb2.ReopenTicketResponse, request, Verb.REOPEN)

    def answer(self, response: type[Response], request: Any, verb: Verb, **given: Any) -> Response:
        """Performs the verb once per request_id; `given`: the fields of Act that this verb needs besides."""
        said = Act(verb, UUID(request.ticket_id), request.etag, request_id=request.request_id, **given)
        with self.database.transaction() as connection:
            who = caller(connection)
            performed = []

            def perform() -> Response:
                row = act(connection, who, said, self.clock())
                performed.append(row)
                return response(ticket=answers.whole_ticket(connection, row, who))

            answer = once(connection, str(who.attendant_id), said.request_id, request, perform, response())
            if not performed:
                # An answer that was kept may be of a ticket that has left the attendant's sight since.
                read_ticket(connection, who, said.ticket_id)
        if performed:
            crash.point("verb")
        return answer


def wait_of(mode: verb_service_pb2.AwaitMode.ValueType, until: Timestamp | None) -> Wait:
    return Wait(mode == verb_service_pb2.AWAIT_MODE_RELEASE, until.ToDatetime(tzinfo=UTC) if until else None)


def await_of(request: verb_service_pb2.ReplyTicketRequest | verb_service_pb2.SetStatusRequest) -> dict[str, Any]:
    """How the ticket waits, where it does not only by its status."""
    if not request.HasField("awaiting"):
        return {}
    said = request.awaiting
    until = said.until if said.HasField("until") else None
    return {"wait": wait_of(said.mode, until), "until_field": "awaiting.until"}


def classification_of(
    request: verb_service_pb2.ReplyTicketRequest
    | verb_service_pb2.SetStatusRequest
    | verb_service_pb2.ConcludeTicketRequest
    | verb_service_pb2.FinalizeTicketRequest,
) -> dict[str, Any]:
    """What is still to be given of the service type's data."""
    if not request.HasField("classification"):
        return {}
    said = request.classification
    return {"classification": Given(UUID(said.service_type_id), data_of(said.data), whole=False)}


def data_of(values: Any) -> dict[str, str]:
    # As the database writes ids, whatever way they were written.
    return {str(UUID(value.field_id)): value.value for value in values}


def add_to(api: VerbApi) -> Callable[[grpc.Server], Any]:
    return lambda server: verb_service_pb2_grpc.add_VerbServiceServicer_to_server(api, server)
