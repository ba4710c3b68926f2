"""Who takes part in a conversation: has written in it, or was written to."""

from uuid import UUID

from sqlalchemy import Connection, select

from mail.domain import normal_address
from mail.storage.tables import PARTICIPANTS


def takes_part(connection: Connection, conversation_id: UUID, email: str) -> bool:
    mine = (PARTICIPANTS.c.conversation_id == conversation_id) & (PARTICIPANTS.c.email == normal_address(email))
    return connection.execute(select(PARTICIPANTS.c.email).where(mine)).first() is not None
