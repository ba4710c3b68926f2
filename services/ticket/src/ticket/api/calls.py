"""What the services of this API share: who calls, and words of the contract as the domain's."""

from uuid import UUID

import grpc
from guiche.ticket.v1 import ticket_pb2
from sqlalchemy import Connection

from servicekit.rpc.caller import calling_attendant
from ticket.domain.facts import Priority, Status
from ticket.domain.visibility import Viewer
from ticket.handlers import reading

Context = grpc.ServicerContext


def caller(connection: Connection) -> Viewer:
    attendant = calling_attendant()
    return reading.viewer(connection, UUID(attendant.organization_id), UUID(attendant.id))


def priority_of(value: ticket_pb2.TicketPriority.ValueType) -> Priority:
    return Priority(ticket_pb2.TicketPriority.Name(value).removeprefix("TICKET_PRIORITY_"))


def status_of(value: ticket_pb2.TicketStatus.ValueType) -> Status:
    return Status(ticket_pb2.TicketStatus.Name(value).removeprefix("TICKET_STATUS_"))
