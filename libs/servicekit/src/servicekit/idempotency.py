"""The same request_id, the same answer (AIP-155): kept with the effect it had, in the same transaction."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import Column, Connection, DateTime, LargeBinary, MetaData, Table, Text, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import UUID, insert

from servicekit.errors import InvalidRequest

Response = TypeVar("Response", bound=Message)

KEEP = timedelta(days=2)
# Dropped at once: however many there are, it must not take so long that the work waits for it.
FORGOTTEN_ROWS = 1_000

REQUESTS = Table(
    "requests",
    MetaData(),
    Column("actor_id", UUID(as_uuid=True), primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("response", LargeBinary),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


class RequestIdReused(InvalidRequest):
    reason = "REQUEST_ID_REUSED"


def once(
    connection: Connection,
    actor_id: str,
    request_id: str,
    request: Message,
    perform: Callable[[], Response],
    empty: Response,
) -> Response:
    """perform()'s answer, or the one given when this actor used this request_id before; `empty` receives that one.

    A failure is not kept: its transaction is rolled back, and the request may be tried again. Two at once: the second
    waits for the first's commit at the unique key.
    """
    if not request_id:
        return perform()
    fingerprint = hashlib.sha256(
        request.DESCRIPTOR.full_name.encode() + request.SerializeToString(deterministic=True)
    ).digest()
    row = {"actor_id": actor_id, "request_id": request_id, "fingerprint": fingerprint}
    claimed = connection.execute(
        insert(REQUESTS).values(row).on_conflict_do_nothing().returning(REQUESTS.c.request_id)
    ).first()
    mine = (REQUESTS.c.actor_id == actor_id) & (REQUESTS.c.request_id == request_id)
    if claimed is None:
        known = connection.execute(select(REQUESTS.c.fingerprint, REQUESTS.c.response).where(mine)).one()
        if known.fingerprint != fingerprint:
            raise RequestIdReused("This Idempotency-Key was used for another request.")
        empty.ParseFromString(known.response)
        return empty
    response = perform()
    connection.execute(REQUESTS.update().where(mine).values(response=response.SerializeToString()))
    return response


def forget(connection: Connection) -> None:
    """Drops some of what is too old to be repeated."""
    key = tuple_(REQUESTS.c.actor_id, REQUESTS.c.request_id)
    old = select(*key.clauses).where(REQUESTS.c.at < func.now() - KEEP).limit(FORGOTTEN_ROWS)
    connection.execute(delete(REQUESTS).where(key.in_(old.with_for_update(skip_locked=True))))
