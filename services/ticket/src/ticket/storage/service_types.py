"""Service types, what departments demand, and the values given for fields."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Connection, DateTime, MetaData, Row, Table, Text, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.dialects.postgresql import UUID as PgUUID

ID = PgUUID(as_uuid=True)
METADATA = MetaData()

SERVICE_TYPES = Table(
    "service_types",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("organization_id", ID, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("department_ids", ARRAY(ID), nullable=False),
    Column("fields", JSONB, nullable=False),
    Column("active", Boolean, nullable=False),
)
CLOSING_RULES = Table(
    "closing_rules",
    METADATA,
    Column("department_id", ID, primary_key=True),
    Column("organization_id", ID, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("service_type_required", Boolean, nullable=False),
)
VALUES = Table(
    "ticket_values",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("ticket_id", ID, nullable=False),
    Column("field_id", ID, nullable=False),
    Column("value", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)


def find(
    connection: Connection, organization_id: UUID, service_type_id: UUID, *, lock: bool = False
) -> Row[Any] | None:
    mine = (SERVICE_TYPES.c.id == service_type_id) & (SERVICE_TYPES.c.organization_id == organization_id)
    query = select(SERVICE_TYPES).where(mine)
    return connection.execute(query.with_for_update() if lock else query).first()


def page(
    connection: Connection,
    organization_id: UUID,
    department_id: UUID | None,
    after: tuple[str, UUID],
    limit: int,
    *,
    inactive_too: bool,
) -> Sequence[Row[Any]]:
    """By name; department_id: only those that may be used there."""
    position = tuple_(SERVICE_TYPES.c.name, SERVICE_TYPES.c.id)
    query = select(SERVICE_TYPES).where(SERVICE_TYPES.c.organization_id == organization_id, position > tuple_(*after))
    if not inactive_too:
        query = query.where(SERVICE_TYPES.c.active)
    if department_id is not None:
        everywhere = SERVICE_TYPES.c.department_ids == []
        query = query.where(everywhere | SERVICE_TYPES.c.department_ids.contains([department_id]))
    return connection.execute(query.order_by(SERVICE_TYPES.c.name, SERVICE_TYPES.c.id).limit(limit)).all()


def put(connection: Connection, row: Mapping[str, Any]) -> None:
    """Adds one, or replaces all of it. The caller holds the lock of one that exists."""
    statement = insert(SERVICE_TYPES).values(row)
    replaced = {name: statement.excluded[name] for name in row if name != "id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=replaced))


def closing_rules(connection: Connection, department_id: UUID, *, lock: bool = False) -> Row[Any] | None:
    query = select(CLOSING_RULES).where(CLOSING_RULES.c.department_id == department_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def put_closing_rules(connection: Connection, row: Mapping[str, Any]) -> None:
    statement = insert(CLOSING_RULES).values(row)
    replaced = {name: statement.excluded[name] for name in ("version", "service_type_required")}
    connection.execute(statement.on_conflict_do_update(index_elements=["department_id"], set_=replaced))


def add_values(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(VALUES.insert(), [dict(row) for row in rows])


def values(connection: Connection, ids: Collection[str]) -> dict[str, Row[Any]]:
    """Values by their ids."""
    if not ids:
        return {}
    query = select(VALUES).where(VALUES.c.id.in_([UUID(value_id) for value_id in ids]))
    return {str(row.id): row for row in connection.execute(query)}
