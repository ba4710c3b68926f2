"""Files for replies that are still being written."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, exists, func, select, update

from mail.domain import Upload
from mail.storage.tables import ATTACHMENTS, MESSAGES, UPLOADS

KEEP_UPLOADS = timedelta(days=1)
# So long may the release of one that failed in the inbox be redriven; after that the draft is gone.
KEEP_DRAFTS = timedelta(days=30)
FORGOTTEN_ROWS = 1_000


def add(connection: Connection, upload: Upload) -> None:
    connection.execute(UPLOADS.insert().values({name: getattr(upload, name) for name in upload.__slots__}))


def take(connection: Connection, ids: Sequence[UUID], of: Mapping[str, UUID], message_id: UUID) -> dict[UUID, Row[Any]]:
    """By id, those that `of` (organization, ticket, attendant) may put into this message.

    A draft that was never released gives its files up: what was refused is written anew, with the same files.
    """
    released = exists().where(MESSAGES.c.id == UPLOADS.c.message_id, MESSAGES.c.delivery_state != "DRAFT")
    mine = [UPLOADS.c[name] == value for name, value in of.items()]
    fresh = UPLOADS.c.created_at > func.now() - KEEP_UPLOADS
    taken = update(UPLOADS).where(UPLOADS.c.id.in_(ids), *mine, fresh, ~released).values(message_id=message_id)
    return {row.id: row for row in connection.execute(taken.returning(UPLOADS))}


def forget(connection: Connection) -> None:
    """Drops some of the uploads that nobody used, and of the drafts that were never released. The files stay."""
    old = select(UPLOADS.c.id).where(UPLOADS.c.created_at < func.now() - KEEP_UPLOADS).limit(FORGOTTEN_ROWS)
    connection.execute(delete(UPLOADS).where(UPLOADS.c.id.in_(old.with_for_update(skip_locked=True))))
    draft = (MESSAGES.c.delivery_state == "DRAFT") & (MESSAGES.c.received_at < func.now() - KEEP_DRAFTS)
    found = select(MESSAGES.c.id).where(draft).limit(FORGOTTEN_ROWS).with_for_update(skip_locked=True)
    ids = connection.execute(found).scalars().all()
    connection.execute(delete(ATTACHMENTS).where(ATTACHMENTS.c.message_id.in_(ids)))
    connection.execute(delete(MESSAGES).where(MESSAGES.c.id.in_(ids)))
