"""TicketService: what tickets there are, who may see them, and what customers write."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from guiche.common.v1 import access_pb2, reference_pb2
from guiche.ticket.v1 import ticket_service_pb2, ticket_service_pb2_grpc
from sqlalchemy import Row

from servicekit import crash
from servicekit.database import Database
from servicekit.pages import make_token, read_token, secret_of
from servicekit.tokens import Keys
from ticket import answers
from ticket.api.calls import Context, caller, priority_of
from ticket.domain.facts import LIVE, Status
from ticket.domain.verbs import Verb
from ticket.domain.visibility import Viewer, viewer_keys
from ticket.handlers import authorizing, opening
from ticket.handlers.messages import Written, append_messages
from ticket.handlers.reading import read_ticket
from ticket.storage import directory, queue, tickets

DEFAULT_PAGE = 50
DEFAULT_HISTORY = 100
GRANT_SECONDS = 60
# Which service a grant for an action is addressed to.
GRANT_AUDIENCE = {access_pb2.GRANT_ACTION_READ_MESSAGES: "mail", access_pb2.GRANT_ACTION_REPLY: "mail"}
# Which verb must be allowed for it; else it is enough to see the ticket.
VERB_OF_GRANT = {access_pb2.GRANT_ACTION_REPLY: Verb.REPLY}

STATUSES_OF_FILTER = {
    ticket_service_pb2.STATUS_FILTER_CREATED_OR_OPEN: (Status.CREATED, Status.OPEN),
    **{ticket_service_pb2.StatusFilter.Value(f"STATUS_FILTER_{status}"): (status,) for status in LIVE},
}


class TicketApi(ticket_service_pb2_grpc.TicketServiceServicer):
    def __init__(
        self, database: Database, keys: Keys, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.database = database
        self.keys = keys
        self.secret = secret_of(keys)
        self.clock = clock

    def ListTickets(
        self, request: ticket_service_pb2.ListTicketsRequest, context: Context
    ) -> ticket_service_pb2.ListTicketsResponse:
        size = request.page_size or DEFAULT_PAGE
        with self.database.transaction() as connection:
            who = caller(connection)
            scope = list_scope(who, request)
            before = queue.START
            if request.page_token:
                at, ticket_id = read_token(self.secret, scope, request.page_token)
                before = (datetime.fromisoformat(at), UUID(ticket_id))
            # One more than asked for tells whether there is another page.
            rows = queue.page(connection, who, filter_of(request, who), before, size + 1)
        more = len(rows) > size
        last = rows[size - 1] if more else None
        return ticket_service_pb2.ListTicketsResponse(
            tickets=[answers.ticket(row, who) for row in rows[:size]],
            next_page_token=make_token(self.secret, scope, [last.last_activity_at.isoformat(), str(last.id)])
            if last
            else "",
        )

    def CountTickets(
        self, request: ticket_service_pb2.CountTicketsRequest, context: Context
    ) -> ticket_service_pb2.CountTicketsResponse:
        with self.database.transaction() as connection:
            who = caller(connection)
            counted = queue.counts(connection, who)
            levels = directory.levels_in_order(connection, who.department_of)
        return answers.counts(counted, levels)

    def GetTicket(
        self, request: ticket_service_pb2.GetTicketRequest, context: Context
    ) -> ticket_service_pb2.GetTicketResponse:
        with self.database.transaction() as connection:
            who = caller(connection)
            row = read_ticket(connection, who, UUID(request.ticket_id))
            shown = answers.whole_ticket(connection, row, who)
        return ticket_service_pb2.GetTicketResponse(ticket=shown)

    def ListInteractions(
        self, request: ticket_service_pb2.ListInteractionsRequest, context: Context
    ) -> ticket_service_pb2.ListInteractionsResponse:
        size = request.page_size or DEFAULT_HISTORY
        ticket_id = UUID(request.ticket_id)
        with self.database.transaction() as connection:
            who = caller(connection)
            read_ticket(connection, who, ticket_id)
            scope = f"interactions|{who.attendant_id}|{ticket_id}"
            after = read_token(self.secret, scope, request.page_token)[0] if request.page_token else 0
            rows = tickets.history(connection, ticket_id, after, size + 1)
            shown = answers.shown_in(connection, rows, who)
        return ticket_service_pb2.ListInteractionsResponse(
            interactions=[answers.interaction(row, shown) for row in rows[:size]],
            next_page_token=make_token(self.secret, scope, [rows[size - 1].version]) if len(rows) > size else "",
        )

    def AppendMessages(
        self, request: ticket_service_pb2.AppendMessagesRequest, context: Context
    ) -> ticket_service_pb2.AppendMessagesResponse:
        with self.database.transaction() as connection:
            found = append_messages(connection, [written_of(said) for said in request.messages], self.clock())
        empty = ticket_service_pb2.OpenedTicket()
        answered = [found.get(UUID(said.message_id)) for said in request.messages]
        return ticket_service_pb2.AppendMessagesResponse(
            tickets=[opened_ticket(row) if row is not None else empty for row in answered]
        )

    def OpenTickets(
        self, request: ticket_service_pb2.OpenTicketsRequest, context: Context
    ) -> ticket_service_pb2.OpenTicketsResponse:
        # In one order everywhere, so that two batches that share messages wait for each other instead of deadlocking.
        openings = sorted((opening_of(said) for said in request.openings), key=lambda o: o.message.message_id)
        now = self.clock()
        with self.database.transaction() as connection:
            known = tickets.received_by(connection, [o.message.message_id for o in openings])
            new = [o for o in openings if o.message.message_id not in known]
            protocols = opening.reserve_protocols(connection, new, now) if new else {}
        with self.database.transaction() as connection:
            found = known | (opening.open_tickets(connection, new, protocols, now) if new else {})
        crash.point("open")
        return ticket_service_pb2.OpenTicketsResponse(
            tickets=[opened_ticket(found[UUID(said.message_id)]) for said in request.openings]
        )

    def AuthorizeTicket(
        self, request: ticket_service_pb2.AuthorizeTicketRequest, context: Context
    ) -> ticket_service_pb2.AuthorizeTicketResponse:
        with self.database.transaction() as connection:
            who = caller(connection)
            row = authorizing.authorized(
                connection, who, UUID(request.ticket_id), VERB_OF_GRANT.get(request.action), request.request_id
            )
        claims = {
            "sub": str(who.attendant_id),
            "org": str(who.organization_id),
            "ticket": str(row.id),
            "conversations": [str(row.conversation_id)],
            "action": access_pb2.GrantAction.Name(request.action),
            "department": str(row.department_id),
            "level": str(row.level_id),
            # A conversation may go on in another ticket once this one is closed.
            "live": row.status != Status.CLOSED,
        }
        expires = Timestamp(seconds=int(self.clock().timestamp()) + GRANT_SECONDS)
        grant = self.keys.sign(GRANT_AUDIENCE[request.action], GRANT_SECONDS, claims)
        return ticket_service_pb2.AuthorizeTicketResponse(grant=grant, expires_at=expires)

    def GetAudience(
        self, request: ticket_service_pb2.GetAudienceRequest, context: Context
    ) -> ticket_service_pb2.GetAudienceResponse:
        with self.database.transaction() as connection:
            return ticket_service_pb2.GetAudienceResponse(keys=viewer_keys(caller(connection)))


def list_scope(who: Viewer, request: ticket_service_pb2.ListTicketsRequest) -> str:
    """What a page token of this list is bound to."""
    wanted = ticket_service_pb2.ListTicketsRequest()
    wanted.CopyFrom(request)
    wanted.ClearField("page_token")
    wanted.ClearField("page_size")
    return f"tickets|{who.attendant_id}|{wanted.SerializeToString(deterministic=True).hex()}"


def filter_of(request: ticket_service_pb2.ListTicketsRequest, who: Viewer) -> queue.Filter:
    chosen = [status for said in request.status for status in STATUSES_OF_FILTER[said]]
    levels: frozenset[UUID] | None = None
    if request.department_id:
        department = UUID(request.department_id)
        levels = frozenset(level for level, of in who.department_of.items() if of == department)
    if request.level_id:
        level = frozenset({UUID(request.level_id)})
        levels = level if levels is None else levels & level
    mine = request.view == ticket_service_pb2.TICKET_VIEW_MINE
    return queue.Filter(tuple(dict.fromkeys(chosen)) or LIVE, levels, mine)


def written_of(said: ticket_service_pb2.AppendedMessage | ticket_service_pb2.TicketOpening) -> Written:
    return Written(
        message_id=UUID(said.message_id),
        organization_id=UUID(said.organization_id),
        conversation_id=UUID(said.conversation_id),
        publisher_id=UUID(said.publisher_id) if said.publisher_id else None,
        publisher_name=said.publisher_name,
        snippet=said.snippet,
        traceparent=said.traceparent,
    )


def opening_of(said: ticket_service_pb2.TicketOpening) -> opening.Opening:
    return opening.Opening(
        message=written_of(said),
        department_id=UUID(said.department_id),
        level_id=UUID(said.level_id),
        priority=priority_of(said.priority),
        platform=reference_pb2.Platform.Name(said.platform).removeprefix("PLATFORM_"),
        subject=said.subject,
        occurred_at=said.occurred_at.ToDatetime(tzinfo=UTC),
    )


def opened_ticket(row: Row[Any]) -> ticket_service_pb2.OpenedTicket:
    return ticket_service_pb2.OpenedTicket(ticket_id=str(row.id), protocol=row.protocol)


def add_to(api: TicketApi) -> Callable[[grpc.Server], Any]:
    return lambda server: ticket_service_pb2_grpc.add_TicketServiceServicer_to_server(api, server)
