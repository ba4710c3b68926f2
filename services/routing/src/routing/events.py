"""The directory as events: each carries the thing's whole state."""

from google.protobuf.message import Message
from guiche.routing.v1 import directory_events_pb2 as events_pb2
from guiche.routing.v1 import directory_pb2

from routing.domain.directory import Attendant, Department, Level, Organization, RoleOf

Thing = Organization | Department | Level | Attendant


def changed(thing: Thing) -> tuple[str, Message]:
    """The event of its state, with its aggregate."""
    return str(thing.id), event_of(thing)


def event_of(thing: Thing) -> Message:
    match thing:
        case Organization():
            return events_pb2.OrganizationChanged(
                id=str(thing.id), version=thing.version, name=thing.name, time_zone=thing.time_zone
            )
        case Department():
            return events_pb2.DepartmentChanged(
                id=str(thing.id),
                version=thing.version,
                organization_id=str(thing.organization_id),
                name=thing.name,
                acknowledgement=thing.acknowledgement,
            )
        case Level():
            return events_pb2.LevelChanged(
                id=str(thing.id),
                version=thing.version,
                organization_id=str(thing.organization_id),
                department_id=str(thing.department_id),
                name=thing.name,
                position=thing.position,
                account_ids=[str(account_id) for account_id in thing.account_ids],
            )
        case Attendant():
            return events_pb2.AttendantChanged(
                id=str(thing.id),
                version=thing.version,
                organization_id=str(thing.organization_id),
                name=thing.name,
                active=thing.active,
                level_ids=[str(level_id) for level_id in thing.level_ids],
                roles=[role_message(role) for role in thing.roles],
            )


def role_message(role: RoleOf) -> directory_pb2.RoleAssignment:
    return directory_pb2.RoleAssignment(
        role=directory_pb2.Role.Value(f"ROLE_{role.role}"),
        department_id=str(role.department_id) if role.department_id else "",
    )
