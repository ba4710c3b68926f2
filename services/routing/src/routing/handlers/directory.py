"""The directory: each change and its announcement in one transaction."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.message import Message
from sqlalchemy import Connection, Table
from sqlalchemy.exc import IntegrityError

from routing.domain.accounts import is_username, normalised_username
from routing.domain.directory import MAX_ACKNOWLEDGEMENT, RoleOf, is_acknowledgement, is_name, is_time_zone
from routing.events import Thing, changed
from routing.storage import directory as storage
from routing.storage import sessions
from routing.storage.directory import Me
from routing.storage.tables import ATTENDANTS, DEPARTMENTS, LEVELS, ORGANIZATIONS, PROJECTS
from servicekit.errors import Failure, InvalidRequest, NotAllowed, Violation
from servicekit.events.outbox import publish


class NotFound(Failure):
    code = grpc.StatusCode.NOT_FOUND
    reason = "NOT_FOUND"


class AttendantInactive(NotAllowed):
    """The ticket service refuses in the same word. Unauthenticated would say that the gateway's own token is bad."""

    reason = "ATTENDANT_INACTIVE"


class AlreadyExists(Failure):
    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"


def add_organization(connection: Connection, name: str, time_zone: str = "America/Sao_Paulo") -> UUID:
    require(is_time_zone(time_zone), "time_zone", "is no IANA time zone")
    organization_id = added(connection, ORGANIZATIONS, name, time_zone=time_zone)
    announce(connection, ORGANIZATIONS, organization_id)
    return organization_id


def add_project(connection: Connection, organization_id: UUID, name: str) -> UUID:
    exists(connection, ORGANIZATIONS, organization_id)
    return added(connection, PROJECTS, name, organization_id=organization_id)


def add_department(connection: Connection, project_id: UUID, name: str) -> UUID:
    organization_id = organization_of(connection, PROJECTS, project_id)
    department_id = added(connection, DEPARTMENTS, name, organization_id=organization_id, project_id=project_id)
    announce(connection, DEPARTMENTS, department_id)
    return department_id


def add_level(connection: Connection, department_id: UUID, name: str, position: int = 0) -> UUID:
    """position: among the levels of the department, from 1; 0: after the last."""
    organization_id = organization_of(connection, DEPARTMENTS, department_id)
    position = position or storage.next_position(connection, department_id)
    require(position > 0, "position", "counts from 1")
    place = {"organization_id": organization_id, "department_id": department_id, "position": position}
    level_id = added(connection, LEVELS, name, **place)
    announce(connection, LEVELS, level_id)
    return level_id


def add_attendant(
    connection: Connection,
    organization_id: UUID,
    name: str,
    username: str,
    email: str,
    password_hash: str,
    level_ids: Collection[UUID] = (),
    roles: Collection[RoleOf] = (),
) -> UUID:
    """password_hash: of Passwords.hash(), made before the transaction."""
    exists(connection, ORGANIZATIONS, organization_id)
    username = normalised_username(username)
    require(is_username(username), "username", "needs 1 to 100 letters, digits, or . @ + - _")
    require("@" in email and email.isprintable() and len(email) <= 320, "email", "is no e-mail address")
    account = {"username": username, "email": email, "password_hash": password_hash}
    attendant_id = added(connection, ATTENDANTS, name, organization_id=organization_id, **account)
    link(connection, organization_id, attendant_id, level_ids, roles)
    announce(connection, ATTENDANTS, attendant_id)
    return attendant_id


def rename(connection: Connection, table: Table, row_id: UUID, name: str) -> None:
    """table: ORGANIZATIONS, DEPARTMENTS, LEVELS or ATTENDANTS."""
    require(is_name(name), "name", "needs 1 to 200 printable characters")
    try:
        with connection.begin_nested():
            change(connection, table, row_id, name=name)
    except IntegrityError as error:
        raise AlreadyExists(f"There is one of this name already among the {table.name}.") from error
    announce(connection, table, row_id)


def set_acknowledgement(connection: Connection, department_id: UUID, words: str) -> None:
    """What its customers are told when a ticket opens, before the protocol; empty: the product's own words."""
    fits = f"needs at most {MAX_ACKNOWLEDGEMENT} printable characters in lines"
    require(is_acknowledgement(words), "acknowledgement", fits)
    change(connection, DEPARTMENTS, department_id, acknowledgement=words)
    announce(connection, DEPARTMENTS, department_id)


def set_level_accounts(connection: Connection, level_id: UUID, account_ids: Collection[UUID]) -> None:
    """Replaces the further accounts its members may answer with; mail refuses one that is not the organization's."""
    change(connection, LEVELS, level_id)
    organization_id = organization_of(connection, LEVELS, level_id)
    storage.replace_level_accounts(connection, organization_id, level_id, set(account_ids))
    announce(connection, LEVELS, level_id)


def set_memberships(connection: Connection, attendant_id: UUID, level_ids: Collection[UUID]) -> None:
    change(connection, ATTENDANTS, attendant_id)
    link(connection, organization_of(connection, ATTENDANTS, attendant_id), attendant_id, level_ids, None)
    announce(connection, ATTENDANTS, attendant_id)


def set_roles(connection: Connection, attendant_id: UUID, roles: Collection[RoleOf]) -> None:
    change(connection, ATTENDANTS, attendant_id)
    link(connection, organization_of(connection, ATTENDANTS, attendant_id), attendant_id, None, roles)
    announce(connection, ATTENDANTS, attendant_id)


def set_active(connection: Connection, attendant_id: UUID, active: bool) -> None:
    """An attendant who is made inactive is signed out everywhere."""
    change(connection, ATTENDANTS, attendant_id, active=active)
    if not active:
        sessions.end_sessions_of(connection, attendant_id, "INACTIVE")
    announce(connection, ATTENDANTS, attendant_id)


def set_password(connection: Connection, attendant_id: UUID, password_hash: str) -> None:
    """Signs the attendant out everywhere. Announces nothing: a password is nobody else's business."""
    if not storage.set_password(connection, attendant_id, password_hash):
        raise missing(ATTENDANTS, attendant_id)
    sessions.end_sessions_of(connection, attendant_id, "PASSWORD_CHANGED")


def attendant_named(connection: Connection, username: str) -> UUID:
    attendant_id = storage.attendant_named(connection, normalised_username(username))
    if attendant_id is None:
        raise NotFound("There is no attendant of this name.")
    return attendant_id


def get_me(connection: Connection, organization_id: UUID, attendant_id: UUID) -> Me:
    me = storage.me(connection, organization_id, attendant_id)
    if me is None:
        raise AttendantInactive("The attendant is inactive.")
    return me


Reader = Callable[[Connection, UUID | None], Iterable[Thing]]
# How each kind of thing is read for its announcement.
READERS: dict[str, Reader] = {
    "organizations": storage.organizations,
    "departments": storage.departments,
    "levels": storage.levels,
    "attendants": storage.attendants,
}


def announce(connection: Connection, table: Table, row_id: UUID) -> None:
    """The caller has just added or changed the row, and so holds its lock."""
    publish(connection, [changed(thing) for thing in READERS[table.name](connection, row_id)])


def republish(connection: Connection) -> Iterator[tuple[str, Message]]:
    """The whole directory as it is, parents first."""
    for read in READERS.values():
        yield from map(changed, read(connection, None))


def added(connection: Connection, table: Table, name: str, **values: Any) -> UUID:
    require(is_name(name), "name", "needs 1 to 200 printable characters")
    row_id = storage.add(connection, table, name=name, **values)
    if row_id is None:
        raise AlreadyExists(f"Something unique about this is taken already among the {table.name}.")
    return row_id


def change(connection: Connection, table: Table, row_id: UUID, **values: Any) -> None:
    if not storage.change(connection, table, row_id, **values):
        raise missing(table, row_id)


def link(
    connection: Connection,
    organization_id: UUID,
    attendant_id: UUID,
    level_ids: Collection[UUID] | None,
    roles: Collection[RoleOf] | None,
) -> None:
    """Replaces levels and roles; None: they stay. All must be of the attendant's organization."""
    if level_ids is not None:
        own(connection, LEVELS, organization_id, set(level_ids))
        storage.replace_memberships(connection, organization_id, attendant_id, set(level_ids))
    if roles is not None:
        departments = {role.department_id for role in roles if role.department_id}
        own(connection, DEPARTMENTS, organization_id, departments)
        storage.replace_roles(connection, organization_id, attendant_id, set(roles))


def own(connection: Connection, table: Table, organization_id: UUID, ids: set[UUID]) -> None:
    for row_id in storage.foreign(connection, table, organization_id, ids) if ids else ():
        raise missing(table, row_id)


def exists(connection: Connection, table: Table, row_id: UUID) -> None:
    if not storage.exists(connection, table, row_id):
        raise missing(table, row_id)


def organization_of(connection: Connection, table: Table, row_id: UUID) -> UUID:
    organization_id = storage.organization_of(connection, table, row_id)
    if organization_id is None:
        raise missing(table, row_id)
    return organization_id


def missing(table: Table, row_id: UUID) -> NotFound:
    return NotFound(f"There is no {row_id} among the {table.name}.")


def require(holds: bool, field: str, detail: str) -> None:
    if not holds:
        raise InvalidRequest(f"{field} {detail}.", violations=[Violation(field, f"{field}.invalid", detail)])
