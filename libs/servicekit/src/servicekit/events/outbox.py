"""The outbox: events wait here, committed together with the change they tell of."""

from collections.abc import Sequence
from itertools import repeat

from google.protobuf.message import Message
from sqlalchemy import BigInteger, Column, Connection, DateTime, Identity, LargeBinary, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import UUID

from servicekit.database import poke
from servicekit.events.envelope import type_of
from servicekit.ids import new_id
from servicekit.rpc.caller import CALLER
from servicekit.telemetry import current_traceparent

CHANNEL = "guiche_outbox"

OUTBOX = Table(
    "outbox",
    MetaData(),
    Column("position", BigInteger, Identity(), primary_key=True),
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("type", Text, nullable=False),
    Column("aggregate", Text, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("payload", LargeBinary, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("actor", Text, nullable=False),
)


def publish(connection: Connection, events: Sequence[tuple[str, Message]], traceparents: Sequence[str] = ()) -> None:
    """Commits events with the change: (aggregate id, event) in the order they happened, all in one statement.

    The caller must hold the lock on each aggregate's row, else two changes of one aggregate may stand here in another
    order than they were committed in. traceparents: one per event, where a transaction does the work of many traces;
    by default the current one.
    """
    if not events:
        return
    rows = [
        {
            "id": new_id(),
            "type": type_of(event),
            "aggregate": aggregate,
            "payload": event.SerializeToString(deterministic=True),
            "traceparent": traceparent,
            "actor": current_actor(),
        }
        for (aggregate, event), traceparent in zip(events, traceparents or repeat(current_traceparent()), strict=False)
    ]
    connection.execute(OUTBOX.insert(), rows)
    poke(connection, CHANNEL)


def current_actor() -> str:
    caller = CALLER.get(None)
    if caller is None:
        return ""
    return f"attendant:{caller.attendant.id}" if caller.attendant else f"service:{caller.service}"
