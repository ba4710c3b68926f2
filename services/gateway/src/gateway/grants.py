"""Grants of the ticket service for what hangs on a ticket but lives elsewhere."""

from guiche.common.v1 import access_pb2
from guiche.ticket.v1 import ticket_service_pb2, ticket_service_pb2_grpc

from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer


def ask_grant(
    ticket: Peer,
    attendant: Attendant,
    ticket_id: str,
    action: access_pb2.GrantAction.ValueType,
    request_id: str = "",
) -> str:
    """Raises the ticket service's refusal, TICKET_NOT_FOUND where the attendant may not see the ticket.

    Asked for each request and never kept: a ticket that a colleague has just started is out of sight at once, and so is
    what was said in it.
    """
    request = ticket_service_pb2.AuthorizeTicketRequest(ticket_id=ticket_id, action=action, request_id=request_id)
    return ticket.call(
        ticket_service_pb2_grpc.TicketServiceStub(ticket.channel).AuthorizeTicket, request, attendant
    ).grant
