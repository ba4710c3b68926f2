"""Tables and queries."""

from collections.abc import Collection, Iterator
from uuid import UUID

from sqlalchemy import BigInteger, Column, Connection, DateTime, MetaData, Table, Text, select, tuple_
from sqlalchemy.dialects.postgresql import UUID as PgUUID
from sqlalchemy.dialects.postgresql import insert

from publisher.domain import IdentityKey, Publisher

METADATA = MetaData()

PUBLISHERS = Table(
    "publishers",
    METADATA,
    Column("id", PgUUID(as_uuid=True), primary_key=True),
    Column("organization_id", PgUUID(as_uuid=True), nullable=False),
    Column("name", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

IDENTITIES = Table(
    "identities",
    METADATA,
    Column("organization_id", PgUUID(as_uuid=True), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("publisher_id", PgUUID(as_uuid=True), nullable=False),
)

PUBLISHER = (PUBLISHERS.c.id, PUBLISHERS.c.organization_id, PUBLISHERS.c.name, PUBLISHERS.c.version)
KEY = (IDENTITIES.c.organization_id, IDENTITIES.c.kind, IDENTITIES.c.value)


def find(connection: Connection, keys: Collection[IdentityKey]) -> dict[IdentityKey, Publisher]:
    if not keys:
        return {}
    rows = connection.execute(
        select(*KEY, *PUBLISHER)
        .join_from(IDENTITIES, PUBLISHERS, PUBLISHERS.c.id == IDENTITIES.c.publisher_id)
        .where(tuple_(*KEY).in_(keys))
    )
    return {IdentityKey(*row[:3]): Publisher(*row[3:]) for row in rows}


def claim(connection: Connection, candidates: dict[IdentityKey, UUID]) -> set[IdentityKey]:
    """Claims identities for new publishers; gives those that nobody else had claimed.

    Where another transaction is claiming the same one this waits for its commit. Sorted, so that two that claim several
    never wait for each other.
    """
    rows = [{**key._asdict(), "publisher_id": candidates[key]} for key in sorted(candidates)]
    won = connection.execute(insert(IDENTITIES).values(rows).on_conflict_do_nothing().returning(*KEY))
    return {IdentityKey(*row) for row in won}


def add(connection: Connection, publishers: Collection[Publisher]) -> None:
    connection.execute(insert(PUBLISHERS).values([publisher._asdict() for publisher in publishers]))


def every(connection: Connection) -> Iterator[Publisher]:
    for row in connection.execute(select(*PUBLISHER).order_by(PUBLISHERS.c.id)):
        yield Publisher(*row)
