"""Identifiers: UUIDv7 (RFC 9562), so that new rows land at the end of their indexes."""

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils


def new_id() -> UUID:
    return UUID(int=uuid_utils.uuid7().int)


def made_at(id: UUID) -> datetime:
    """When an id of new_id() was made, by the clock of its process."""
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)
