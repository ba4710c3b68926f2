"""What mails are found by: the ids in their headers, and who takes part in a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert

from mail.domain import normal_address
from mail.storage.tables import HEADER_IDS, PARTICIPANTS


@dataclass(frozen=True, slots=True)
class Known:
    """One message by what later mails may name. Ids are without <>; own_id is empty where the mail has none."""

    organization_id: UUID
    account_id: UUID
    conversation_id: UUID
    message_id: UUID
    own_id: str
    seen_ids: Sequence[str]
    participants: Sequence[str]


def remember(
    connection: Connection,
    organization_id: UUID,
    account_id: UUID,
    conversation_id: UUID,
    message_id: UUID,
    own_id: str,
    seen_ids: Sequence[str],
    participants: Sequence[str],
) -> None:
    """Lets later mails join this message: by its Message-ID, by an id in its References, by who takes part.

    own_id: its Message-ID without <>, may be empty. seen_ids: of its References and In-Reply-To. participants: the
    addresses of those who wrote it or whom it goes to, our own ones left out.
    """
    known = Known(
        organization_id, account_id, conversation_id, message_id, own_id, tuple(seen_ids), tuple(participants)
    )
    remember_all(connection, [known])


def remember_all(connection: Connection, known: Sequence[Known]) -> None:
    """An id is kept once for a conversation as a message's own and once as seen, whoever named it first."""
    ids: dict[tuple[UUID, str, UUID, bool], dict[str, Any]] = {}
    people: set[tuple[UUID, str]] = set()
    for one in known:
        for header_id, own in [(one.own_id, True), *((seen, False) for seen in one.seen_ids)]:
            if header_id:
                key = (one.organization_id, header_id, one.conversation_id, own)
                ids.setdefault(key, id_row(one, header_id, own))
        people |= {(one.conversation_id, normal_address(person)) for person in one.participants if person}
    # Always in the same order, so that two who remember the same at once wait for each other in one direction.
    add_new(connection, HEADER_IDS, [ids[key] for key in sorted(ids)])
    add_new(connection, PARTICIPANTS, [{"conversation_id": one, "email": email} for one, email in sorted(people)])


def id_row(one: Known, header_id: str, own: bool) -> dict[str, Any]:
    columns = ("organization_id", "account_id", "conversation_id", "message_id")
    return {column: getattr(one, column) for column in columns} | {"header_id": header_id, "own": own}


def add_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table).on_conflict_do_nothing(), rows)
