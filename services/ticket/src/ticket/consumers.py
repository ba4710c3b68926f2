"""What others announce, kept as names to show and memberships to decide by."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from google.protobuf.message import Message
from guiche.mail.v1 import message_events_pb2
from guiche.publisher.v1 import publisher_events_pb2
from guiche.routing.v1 import directory_events_pb2, directory_pb2
from sqlalchemy import Connection

from servicekit.process import EventHandler
from ticket.handlers import messages
from ticket.storage import directory


def organization_changed(connection: Connection, event: Message) -> None:
    said = cast(directory_events_pb2.OrganizationChanged, event)
    row = {"id": UUID(said.id), "version": said.version, "name": said.name, "time_zone": said.time_zone}
    directory.keep_newest(connection, directory.ORGANIZATIONS, row)


def department_changed(connection: Connection, event: Message) -> None:
    said = cast(directory_events_pb2.DepartmentChanged, event)
    row = {
        "id": UUID(said.id),
        "version": said.version,
        "organization_id": UUID(said.organization_id),
        "name": said.name,
    }
    directory.keep_newest(connection, directory.DEPARTMENTS, row)


def level_changed(connection: Connection, event: Message) -> None:
    said = cast(directory_events_pb2.LevelChanged, event)
    row = {
        "id": UUID(said.id),
        "version": said.version,
        "organization_id": UUID(said.organization_id),
        "department_id": UUID(said.department_id),
        "name": said.name,
        "position": said.position,
    }
    directory.keep_newest(connection, directory.LEVELS, row)


def attendant_changed(connection: Connection, event: Message) -> None:
    said = cast(directory_events_pb2.AttendantChanged, event)
    roles = [
        {"role": directory_pb2.Role.Name(held.role).removeprefix("ROLE_"), "department_id": held.department_id}
        for held in said.roles
    ]
    row = {
        "id": UUID(said.id),
        "version": said.version,
        "organization_id": UUID(said.organization_id),
        "name": said.name,
        "active": said.active,
        "level_ids": [UUID(level_id) for level_id in said.level_ids],
        "roles": roles,
    }
    directory.keep_newest(connection, directory.ATTENDANTS, row)


def publisher_changed(connection: Connection, event: Message) -> None:
    said = cast(publisher_events_pb2.PublisherChanged, event)
    row = {
        "id": UUID(said.id),
        "version": said.version,
        "organization_id": UUID(said.organization_id),
        "name": said.name,
    }
    directory.keep_newest(connection, directory.PUBLISHERS, row)


def delivery_changed(connection: Connection, event: Message) -> None:
    said = cast(message_events_pb2.DeliveryChanged, event)
    if not said.ticket_id:
        return
    organization_id, ticket_id, message_id = map(UUID, (said.organization_id, said.ticket_id, said.message_id))
    state = messages.state_of(said.state)
    now = datetime.now(UTC)
    messages.delivery_changed(connection, organization_id, ticket_id, message_id, state, now, said.version)


CONSUMES: Mapping[type[Message], EventHandler] = {
    directory_events_pb2.OrganizationChanged: organization_changed,
    directory_events_pb2.DepartmentChanged: department_changed,
    directory_events_pb2.LevelChanged: level_changed,
    directory_events_pb2.AttendantChanged: attendant_changed,
    publisher_events_pb2.PublisherChanged: publisher_changed,
    message_events_pb2.DeliveryChanged: delivery_changed,
}
