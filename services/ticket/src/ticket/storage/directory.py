"""What routing and publisher have announced: names to show and memberships to decide by."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Connection, Integer, MetaData, Table, Text, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.dialects.postgresql import UUID as PgUUID

from ticket.domain.visibility import Viewer

ID = PgUUID(as_uuid=True)
METADATA = MetaData()
DEFAULT_TIME_ZONE = "America/Sao_Paulo"

ORGANIZATIONS = Table(
    "organizations",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
)
DEPARTMENTS = Table(
    "departments",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("name", Text, nullable=False),
)
LEVELS = Table(
    "levels",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("department_id", ID, nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
)
ATTENDANTS = Table(
    "attendants",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("level_ids", ARRAY(ID), nullable=False),
    Column("roles", JSONB, nullable=False),
)
PUBLISHERS = Table(
    "publishers",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("name", Text, nullable=False),
)


def keep_newest(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Takes an announced state unless a newer one is known: events may come twice and out of order."""
    statement = insert(table).values(row)
    newer = table.c.version < statement.excluded.version
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name != "id"}
    connection.execute(statement.on_conflict_do_update(index_elements=[table.c.id], set_=changed, where=newer))


def add_publishers(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds those that are not known yet. rows: by id, the order in which their owner announces them."""
    if rows:
        connection.execute(insert(PUBLISHERS).values(list(rows)).on_conflict_do_nothing())


def time_zones(connection: Connection, organization_ids: Iterable[UUID]) -> dict[UUID, str]:
    """IANA names; an organization that is not known yet is taken to be in Brasília's."""
    wanted = set(organization_ids)
    query = select(ORGANIZATIONS.c.id, ORGANIZATIONS.c.time_zone).where(ORGANIZATIONS.c.id.in_(wanted))
    known = {row.id: row.time_zone for row in connection.execute(query)}
    return {organization_id: known.get(organization_id, DEFAULT_TIME_ZONE) for organization_id in wanted}


# Asked at every call, so one statement. Whoever has a role everywhere is linked to all levels of the organization.
LINKED = text("""
    SELECT level_ids, roles, coalesce(
        (SELECT jsonb_object_agg(l.id, l.department_id) FROM levels AS l
         WHERE roles @> '[{"department_id": ""}]' AND l.organization_id = a.organization_id),
        (SELECT jsonb_object_agg(l.id, l.department_id) FROM levels AS l
         WHERE l.organization_id = a.organization_id AND (
             l.id = ANY(level_ids) OR l.department_id = ANY(ARRAY(
                 SELECT CAST(nullif(held ->> 'department_id', '') AS uuid) FROM jsonb_array_elements(roles) AS held)))),
        '{}') AS levels
    FROM attendants AS a WHERE id = :id AND organization_id = :organization_id AND active
""")


def viewer(connection: Connection, organization_id: UUID, attendant_id: UUID) -> Viewer | None:
    """What the attendant is linked to; None where they are unknown or inactive."""
    attendant = connection.execute(LINKED, {"id": attendant_id, "organization_id": organization_id}).first()
    if attendant is None:
        return None
    department_of = {UUID(level_id): UUID(department) for level_id, department in attendant.levels.items()}

    def within(*roles: str) -> frozenset[UUID]:
        places = {held["department_id"] for held in attendant.roles if held["role"] in roles}
        return frozenset(lvl for lvl, department in department_of.items() if "" in places or str(department) in places)

    member_of = frozenset(attendant.level_ids) & department_of.keys()
    whole = within("SUPERVISOR", "VIEWER")
    approves = within("APPROVER")
    seen = member_of | whole | approves
    return Viewer(
        attendant_id,
        organization_id,
        levels=member_of,
        supervised_levels=within("SUPERVISOR"),
        whole_levels=whole,
        approval_levels=approves,
        department_of={level_id: department_of[level_id] for level_id in seen},
    )


def in_charge(connection: Connection, attendant_id: UUID) -> tuple[bool, frozenset[UUID]]:
    """Whether an attendant administers everything, and the departments they supervise."""
    roles = connection.scalar(select(ATTENDANTS.c.roles).where(ATTENDANTS.c.id == attendant_id)) or []
    whole = any(held["role"] in ("ADMINISTRATOR", "SUPERVISOR") and not held["department_id"] for held in roles)
    supervised = {held["department_id"] for held in roles if held["role"] == "SUPERVISOR"}
    return whole, frozenset(UUID(department_id) for department_id in supervised if department_id)


def departments_of(connection: Connection, organization_id: UUID, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the ids that are departments of the organization."""
    mine = DEPARTMENTS.c.id.in_(set(ids)) & (DEPARTMENTS.c.organization_id == organization_id)
    return set(connection.scalars(select(DEPARTMENTS.c.id).where(mine)))


def names(connection: Connection, table: Table, ids: Iterable[UUID]) -> dict[UUID, str]:
    query = select(table.c.id, table.c.name).where(table.c.id.in_(set(ids)))
    return {row.id: row.name for row in connection.execute(query)}


def levels_in_order(connection: Connection, level_ids: Iterable[UUID]) -> list[Any]:
    """Levels with their department, by department name and position: the sidebar's order."""
    query = (
        select(
            LEVELS.c.id,
            LEVELS.c.name,
            LEVELS.c.department_id,
            DEPARTMENTS.c.name.label("department_name"),
        )
        .outerjoin(DEPARTMENTS, DEPARTMENTS.c.id == LEVELS.c.department_id)
        .where(LEVELS.c.id.in_(set(level_ids)))
        .order_by(DEPARTMENTS.c.name, LEVELS.c.department_id, LEVELS.c.position, LEVELS.c.id)
    )
    return list(connection.execute(query))
