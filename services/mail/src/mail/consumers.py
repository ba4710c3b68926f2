"""What others announce ↔ handlers; the inbox opens the transaction."""

from collections.abc import Mapping
from functools import partial
from typing import cast
from uuid import UUID

from google.protobuf.message import Message
from guiche.routing.v1 import directory_events_pb2
from guiche.ticket.v1 import ticket_events_pb2
from sqlalchemy import Connection

from mail.domain import Ticket
from mail.handlers.acknowledge import Most, acknowledge
from mail.handlers.deliveries import release_reply
from mail.storage import directory
from mail.storage.tables import ATTENDANTS, DEPARTMENTS, LEVELS, ORGANIZATIONS
from servicekit.process import EventHandler


def consumes(secret: bytes, acknowledgements: Most) -> Mapping[type[Message], EventHandler]:
    """secret: of signed names."""
    return {
        ticket_events_pb2.TicketOpened: partial(ticket_opened, secret, acknowledgements),
        ticket_events_pb2.TicketReplyReleased: reply_released,
        ticket_events_pb2.TicketMessageAppended: message_appended,
        ticket_events_pb2.TicketRestated: ticket_restated,
        directory_events_pb2.OrganizationChanged: organization_changed,
        directory_events_pb2.DepartmentChanged: department_changed,
        directory_events_pb2.LevelChanged: level_changed,
        directory_events_pb2.AttendantChanged: attendant_changed,
    }


def ticket_opened(secret: bytes, acknowledgements: Most, connection: Connection, event: Message) -> None:
    said = cast(ticket_events_pb2.TicketOpened, event)
    ticket = ticket_of(said.ticket, said.message_id)
    keep_opened(connection, ticket)
    if ticket.opening_message_id is not None:
        acknowledge(connection, ticket, UUID(said.ticket.department_id), secret, acknowledgements)


def reply_released(connection: Connection, event: Message) -> None:
    said = cast(ticket_events_pb2.TicketReplyReleased, event)
    ticket = ticket_of(said.ticket)
    directory.keep_ticket(connection, ticket)
    release_reply(connection, ticket.organization_id, ticket.id, UUID(said.message_id))


def message_appended(connection: Connection, event: Message) -> None:
    said = cast(ticket_events_pb2.TicketMessageAppended, event)
    ticket = ticket_of(said.ticket)
    directory.keep_ticket(connection, ticket)
    directory.give_message(connection, UUID(said.message_id), ticket)


def ticket_restated(connection: Connection, event: Message) -> None:
    """Of a ticket that was opened long ago perhaps, so nothing of it is acknowledged any more."""
    said = cast(ticket_events_pb2.TicketRestated, event)
    keep_opened(connection, ticket_of(said.ticket, said.message_id))


def keep_opened(connection: Connection, ticket: Ticket) -> None:
    directory.keep_ticket(connection, ticket)
    if ticket.opening_message_id is not None:
        directory.give_message(connection, ticket.opening_message_id, ticket)


def ticket_of(state: ticket_events_pb2.TicketState, opening_message_id: str = "") -> Ticket:
    return Ticket(
        id=UUID(state.id),
        version=state.version,
        organization_id=UUID(state.organization_id),
        conversation_id=UUID(state.conversation_id),
        protocol=state.protocol,
        opening_message_id=UUID(opening_message_id) if opening_message_id else None,
    )


def organization_changed(connection: Connection, event: Message) -> None:
    said = cast(directory_events_pb2.OrganizationChanged, event)
    row = {"id": UUID(said.id), "version": said.version, "time_zone": said.time_zone}
    directory.keep_newest(connection, ORGANIZATIONS, row)


def department_changed(connection: Connection, event: Message) -> None:
    said = cast(directory_events_pb2.DepartmentChanged, event)
    row = {
        "id": UUID(said.id),
        "version": said.version,
        "organization_id": UUID(said.organization_id),
        "acknowledgement": said.acknowledgement,
    }
    directory.keep_newest(connection, DEPARTMENTS, row)


def level_changed(connection: Connection, event: Message) -> None:
    said = cast(directory_events_pb2.LevelChanged, event)
    row = {
        "id": UUID(said.id),
        "version": said.version,
        "organization_id": UUID(said.organization_id),
        "account_ids": [UUID(account_id) for account_id in said.account_ids],
    }
    directory.keep_newest(connection, LEVELS, row)


def attendant_changed(connection: Connection, event: Message) -> None:
    said = cast(directory_events_pb2.AttendantChanged, event)
    row = {
        "id": UUID(said.id),
        "version": said.version,
        "organization_id": UUID(said.organization_id),
        "name": said.name,
    }
    directory.keep_newest(connection, ATTENDANTS, row)
