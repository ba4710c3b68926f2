"""Mails as they arrived, waiting to be ingested or set aside."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from mail.storage.tables import RAW_MAILS

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class RawMail:
    """One mail in one mailbox."""

    id: UUID
    account_id: UUID
    organization_id: UUID
    message_id: str
    content_hash: bytes
    reference_ids: list[str]
    sender: str
    recipient: str
    size: int
    file_key: str
    received_at: datetime
    traceparent: str

    @property
    def identity(self) -> tuple[UUID, str, bytes]:
        return self.account_id, self.message_id, self.content_hash


def add(connection: Connection, mails: Sequence[RawMail]) -> set[UUID]:
    """The ids of those that were new in their mailbox."""
    # Always in the same order, so that two receivers that store the same mails wait for each other in one direction.
    rows = [asdict(mail) for mail in sorted(mails, key=lambda mail: mail.identity)]
    statement = insert(RAW_MAILS).on_conflict_do_nothing(index_elements=["account_id", "message_id", "content_hash"])
    return set(connection.execute(statement.returning(RAW_MAILS.c.id), rows).scalars())
