"""Queries over organizations, departments, levels and attendants.

What is announced after a change is read under the lock that the change took, so that two changes are announced in the
order of their versions.
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from routing.domain.directory import Attendant, Department, Level, Organization, RoleOf
from routing.storage.tables import (
    ATTENDANTS,
    DEPARTMENTS,
    LEVEL_ACCOUNTS,
    LEVELS,
    MEMBERSHIPS,
    ORGANIZATIONS,
    PROJECTS,
    ROLES,
    RULES,
)
from servicekit.ids import new_id


def add(connection: Connection, table: Table, **values: Any) -> UUID | None:
    """The new row's id; None where something unique about it is taken."""
    added: UUID | None = connection.scalar(
        insert(table).values(id=new_id(), **values).on_conflict_do_nothing().returning(table.c.id)
    )
    return added


def exists(connection: Connection, table: Table, row_id: UUID) -> bool:
    return connection.scalar(select(table.c.id).where(table.c.id == row_id)) is not None


def organization_of(connection: Connection, table: Table, row_id: UUID) -> UUID | None:
    found: UUID | None = connection.scalar(select(table.c.organization_id).where(table.c.id == row_id))
    return found


def next_position(connection: Connection, department_id: UUID) -> int:
    highest = select(func.coalesce(func.max(LEVELS.c.position), 0) + 1).where(LEVELS.c.department_id == department_id)
    position: int = connection.execute(highest).scalar_one()
    return position


def change(connection: Connection, table: Table, row_id: UUID, **values: Any) -> bool:
    """Changes a thing and counts its version, holding its lock until the commit; False where there is none."""
    changed = table.update().where(table.c.id == row_id).values(version=table.c.version + 1, **values)
    return connection.scalar(changed.returning(table.c.id)) is not None


def replace_memberships(
    connection: Connection, organization_id: UUID, attendant_id: UUID, level_ids: Collection[UUID]
) -> None:
    connection.execute(delete(MEMBERSHIPS).where(MEMBERSHIPS.c.attendant_id == attendant_id))
    link = {"organization_id": organization_id, "attendant_id": attendant_id}
    if level_ids:
        connection.execute(insert(MEMBERSHIPS).values([link | {"level_id": level_id} for level_id in level_ids]))


def replace_roles(connection: Connection, organization_id: UUID, attendant_id: UUID, roles: Collection[RoleOf]) -> None:
    connection.execute(delete(ROLES).where(ROLES.c.attendant_id == attendant_id))
    if roles:
        columns = ("organization_id", "attendant_id", "role", "department_id")
        rows = [(organization_id, attendant_id, role.role, role.department_id) for role in roles]
        connection.execute(insert(ROLES).values([dict(zip(columns, row, strict=True)) for row in rows]))


def replace_level_accounts(
    connection: Connection, organization_id: UUID, level_id: UUID, account_ids: Collection[UUID]
) -> None:
    connection.execute(delete(LEVEL_ACCOUNTS).where(LEVEL_ACCOUNTS.c.level_id == level_id))
    level = {"organization_id": organization_id, "level_id": level_id}
    if account_ids:
        connection.execute(insert(LEVEL_ACCOUNTS).values([level | {"account_id": one} for one in account_ids]))


def foreign(connection: Connection, table: Table, organization_id: UUID, ids: Collection[UUID]) -> set[UUID]:
    """Those that are not of the organization, or nowhere."""
    own = select(table.c.id).where(table.c.organization_id == organization_id, table.c.id.in_(ids))
    return set(ids) - set(connection.scalars(own))


def set_password(connection: Connection, attendant_id: UUID, password_hash: str) -> bool:
    changed = ATTENDANTS.update().where(ATTENDANTS.c.id == attendant_id)
    values = {"password_hash": password_hash, "password_version": ATTENDANTS.c.password_version + 1}
    return connection.scalar(changed.values(values).returning(ATTENDANTS.c.id)) is not None


def attendant_named(connection: Connection, username: str) -> UUID | None:
    found: UUID | None = connection.scalar(select(ATTENDANTS.c.id).where(ATTENDANTS.c.username == username))
    return found


def add_rule(connection: Connection, **values: Any) -> UUID | None:
    return add(connection, RULES, **values)


# The things as they are announced: one by its id, or all of them.


def rows(connection: Connection, table: Table, row_id: UUID | None, *also: ColumnElement[Any]) -> Iterator[Any]:
    query = select(table, *also).order_by(table.c.id)
    yield from connection.execute(query.where(table.c.id == row_id) if row_id else query)


def organizations(connection: Connection, row_id: UUID | None) -> Iterator[Organization]:
    for row in rows(connection, ORGANIZATIONS, row_id):
        yield Organization(row.id, row.version, row.name, row.time_zone)


def departments(connection: Connection, row_id: UUID | None) -> Iterator[Department]:
    for row in rows(connection, DEPARTMENTS, row_id):
        yield Department(row.id, row.version, row.organization_id, row.name, row.acknowledgement)


def levels(connection: Connection, row_id: UUID | None) -> Iterator[Level]:
    of_accounts = func.array_agg(aggregate_order_by(LEVEL_ACCOUNTS.c.account_id, LEVEL_ACCOUNTS.c.account_id))
    account_ids = select(of_accounts).where(LEVEL_ACCOUNTS.c.level_id == LEVELS.c.id).scalar_subquery()
    for row in rows(connection, LEVELS, row_id, account_ids.label("account_ids")):
        used = tuple(row.account_ids or ())
        yield Level(row.id, row.version, row.organization_id, row.department_id, row.name, row.position, used)


def attendants(connection: Connection, row_id: UUID | None) -> Iterator[Attendant]:
    of_levels = func.array_agg(aggregate_order_by(MEMBERSHIPS.c.level_id, MEMBERSHIPS.c.level_id))
    level_ids = select(of_levels).where(MEMBERSHIPS.c.attendant_id == ATTENDANTS.c.id).scalar_subquery()
    roles = select(ROLES_AS_JSON).where(ROLES.c.attendant_id == ATTENDANTS.c.id).scalar_subquery()
    for row in rows(connection, ATTENDANTS, row_id, level_ids.label("level_ids"), roles.label("roles")):
        held = tuple(row.level_ids or ())
        yield Attendant(row.id, row.version, row.organization_id, row.name, row.active, held, roles_of(row.roles))


ROLES_AS_JSON = func.jsonb_agg(func.jsonb_build_array(ROLES.c.role, ROLES.c.department_id))


def roles_of(json: list[list[str | None]] | None) -> tuple[RoleOf, ...]:
    found = [RoleOf(str(role), UUID(department) if department else None) for role, department in json or ()]
    return tuple(sorted(found, key=str))


class Person(NamedTuple):
    id: UUID
    name: str
    username: str
    email: str
    organization_id: UUID
    organization_name: str


class MyPlace(NamedTuple):
    """A department and one's own level in it; without level: of one's role."""

    project_id: UUID
    project_name: str
    department_id: UUID
    department_name: str
    level_id: UUID | None
    level_name: str | None


class Me(NamedTuple):
    person: Person
    roles: tuple[RoleOf, ...]
    # By project and department name and level position; a department with several own levels stands several times.
    places: list[MyPlace]


def me(connection: Connection, organization_id: UUID, attendant_id: UUID) -> Me | None:
    """An active attendant and everything they are linked to, in two queries; None where there is none."""
    my_roles = ROLES.c.attendant_id == attendant_id
    roles = select(ROLES_AS_JSON).where(my_roles)
    attendant = connection.execute(
        select(
            ATTENDANTS.c.id,
            ATTENDANTS.c.name,
            ATTENDANTS.c.username,
            ATTENDANTS.c.email,
            ORGANIZATIONS.c.id,
            ORGANIZATIONS.c.name,
            roles.scalar_subquery(),
        )
        .join_from(ATTENDANTS, ORGANIZATIONS, ORGANIZATIONS.c.id == ATTENDANTS.c.organization_id)
        .where(ATTENDANTS.c.id == attendant_id, ATTENDANTS.c.organization_id == organization_id, ATTENDANTS.c.active)
    ).first()
    if attendant is None:
        return None
    # A role in the whole organization is one in each department, except the administrator's, who sees no tickets.
    by_role = select(ROLES.c.role).where(
        my_roles,
        ROLES.c.role != "ADMINISTRATOR",
        or_(ROLES.c.department_id.is_(None), ROLES.c.department_id == DEPARTMENTS.c.id),
    )
    mine = and_(MEMBERSHIPS.c.level_id == LEVELS.c.id, MEMBERSHIPS.c.attendant_id == attendant_id)
    own_levels = select(LEVELS.c.id, LEVELS.c.department_id, LEVELS.c.name, LEVELS.c.position).join(MEMBERSHIPS, mine)
    own = own_levels.subquery("own")
    places = connection.execute(
        select(PROJECTS.c.id, PROJECTS.c.name, DEPARTMENTS.c.id, DEPARTMENTS.c.name, own.c.id, own.c.name)
        .join_from(DEPARTMENTS, PROJECTS, PROJECTS.c.id == DEPARTMENTS.c.project_id)
        .outerjoin(own, own.c.department_id == DEPARTMENTS.c.id)
        .where(DEPARTMENTS.c.organization_id == organization_id, or_(own.c.id.is_not(None), by_role.exists()))
        .order_by(PROJECTS.c.name, DEPARTMENTS.c.name, DEPARTMENTS.c.id, own.c.position)
    )
    return Me(Person(*attendant[:6]), roles_of(attendant[6]), [MyPlace(*row) for row in places])
