"""Who was acknowledged how often of late."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, delete, func, select

from mail.domain import base_address
from mail.storage.tables import ACKNOWLEDGED

WINDOW = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def count(connection: Connection, organization_id: UUID, address: str) -> int:
    """Within the hour. Whatever stands after a plus: it costs nothing to make that up anew."""
    mine = (ACKNOWLEDGED.c.organization_id == organization_id) & (ACKNOWLEDGED.c.address == base_address(address))
    recent = ACKNOWLEDGED.c.at > func.clock_timestamp() - WINDOW
    return connection.execute(select(func.count()).where(mine, recent)).scalar_one()


def count_of_minute(connection: Connection, organization_id: UUID) -> int:
    """To whomever, within the last minute."""
    recent = ACKNOWLEDGED.c.at > func.clock_timestamp() - MINUTE
    mine = ACKNOWLEDGED.c.organization_id == organization_id
    return connection.execute(select(func.count()).where(mine, recent)).scalar_one()


def add(connection: Connection, organization_id: UUID, address: str) -> None:
    row = {"organization_id": organization_id, "address": base_address(address), "at": func.clock_timestamp()}
    connection.execute(ACKNOWLEDGED.insert().values(row))


def forget(connection: Connection) -> None:
    connection.execute(delete(ACKNOWLEDGED).where(ACKNOWLEDGED.c.at < func.clock_timestamp() - WINDOW))
