"""A service as small as can be: it consumes one type of event and keeps what it was told."""

from google.protobuf.message import Message
from guiche.publisher.v1.publisher_events_pb2 import PublisherChanged
from sqlalchemy import BigInteger, Column, Connection, DateTime, Identity, Integer, MetaData, Table, Text, Uuid

TABLES = MetaData()
HANDLED = Table(
    "handled",
    TABLES,
    Column("n", BigInteger, Identity(), primary_key=True),
    Column("aggregate", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
)
WORK = Table(
    "work",
    TABLES,
    Column("id", Uuid, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("last_error", Text, nullable=False),
    Column("done_at", DateTime(timezone=True)),
    Column("failed_at", DateTime(timezone=True)),
)


def keep(connection: Connection, event: Message) -> None:
    assert isinstance(event, PublisherChanged)
    connection.execute(HANDLED.insert().values(aggregate=event.id, version=event.version, name=event.name))
    if event.name == "poison":
        raise ValueError("this one cannot be handled")
