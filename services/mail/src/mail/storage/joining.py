"""What mails are found by: the ids in their headers, and who takes part in a conversation."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Table, case, func, select, text
from sqlalchemy.dialects.postgresql import insert

from mail.domain import normal_address
from mail.storage.tables import CONVERSATIONS, HEADER_IDS, MESSAGES, PARTICIPANTS

# Of one id. Some programs give all their mails the same one, and nobody may make us read thousands of conversations.
MOST_NAMED = 20


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
        # Without something to return, SQLAlchemy makes a statement for each row of those that may conflict.
        connection.execute(insert(table).on_conflict_do_nothing().returning(table.c.conversation_id), rows)


class Candidate(NamedTuple):
    """A conversation a mail may belong to. account_id: the mailbox the conversation is of.

    message_id: the message by which it was found; None: by its ticket. ticket_id: of that message; None: not known.
    """

    conversation_id: UUID
    account_id: UUID
    message_id: UUID | None
    ticket_id: UUID | None


class Named(NamedTuple):
    """An id as a message has it. mailbox_id: the account that message arrived on or was sent from."""

    own: bool
    mailbox_id: UUID
    candidate: Candidate


class Waiting(NamedTuple):
    raw_mail_id: UUID
    account_id: UUID


class OfTicket(NamedTuple):
    """takes_part: whether the address that was asked for is a participant's."""

    takes_part: bool
    candidate: Candidate


# An id or a protocol within its organization.
Key = tuple[UUID, str]

# Locks of organizations, among all advisory locks of the database.
LOCK = text("""
    SELECT pg_advisory_xact_lock(hashtextextended('guiche mail joining ' || id, 0))
    FROM unnest(CAST(:organizations AS text[])) AS id
""")


def lock(connection: Connection, organizations: Collection[UUID]) -> None:
    """Until the commit nobody else resolves mails of these. To be taken before any lock of a row."""
    connection.execute(LOCK, {"organizations": sorted(map(str, organizations))})


def ours(connection: Connection, ids: Collection[UUID]) -> dict[UUID, tuple[UUID, Candidate]]:
    """Of messages that we sent: their organization and conversation."""
    if not ids:
        return {}
    query = (
        select(CONVERSATIONS.c.organization_id, CONVERSATIONS.c.id, CONVERSATIONS.c.account_id)
        .add_columns(MESSAGES.c.id, MESSAGES.c.ticket_id)
        .join(MESSAGES, MESSAGES.c.conversation_id == CONVERSATIONS.c.id)
        .where(MESSAGES.c.id.in_(ids), MESSAGES.c.direction == "OUT")
    )
    return {
        message_id: (organization_id, Candidate(conversation_id, account_id, message_id, ticket_id))
        for organization_id, conversation_id, account_id, message_id, ticket_id in connection.execute(query)
    }


def answered(connection: Connection, ids: Collection[UUID]) -> dict[UUID, tuple[UUID, UUID | None]]:
    """The message a machine's answer to each of these waits with for its ticket, and the ticket, where it has one.

    That is the message itself, or what it answers where a machine sent it too, so that one step gives all of them
    their ticket. Until the commit nobody gives them one: see directory.give_message().
    """
    first = case(
        (MESSAGES.c.direction == "IN", func.coalesce(MESSAGES.c.answers_id, MESSAGES.c.id)), else_=MESSAGES.c.id
    )
    roots = {
        row.id: row.root
        for row in connection.execute(select(MESSAGES.c.id, first.label("root")).where(MESSAGES.c.id.in_(ids)))
    }
    query = select(MESSAGES.c.id, MESSAGES.c.ticket_id).where(MESSAGES.c.id.in_(set(roots.values())))
    rows = connection.execute(query.order_by(MESSAGES.c.id).with_for_update(read=True))
    tickets = {row.id: row.ticket_id for row in rows}
    return {one: (root, tickets.get(root)) for one, root in roots.items()}


# Arrays, so that the statement is the same for any number of ids.
NAMED = text("""
    SELECT wanted.organization_id, wanted.header_id, found.*
    FROM unnest(CAST(:organizations AS uuid[]), CAST(:values AS text[])) AS wanted (organization_id, header_id)
    CROSS JOIN LATERAL (
        SELECT header_ids.own, header_ids.account_id AS mailbox_id, header_ids.conversation_id,
               conversations.account_id, header_ids.message_id, messages.ticket_id
        FROM header_ids
        JOIN conversations ON conversations.id = header_ids.conversation_id
        JOIN messages ON messages.id = header_ids.message_id
        WHERE header_ids.organization_id = wanted.organization_id AND header_ids.header_id = wanted.header_id
        ORDER BY header_ids.conversation_id DESC LIMIT :most) AS found
""")


def named(connection: Connection, keys: Collection[Key]) -> dict[Key, list[Named]]:
    """The newest conversations in which each id stands."""
    found: dict[Key, list[Named]] = {}
    for organization_id, header_id, own, mailbox_id, *candidate in of_keys(connection, NAMED, keys, most=MOST_NAMED):
        found.setdefault((organization_id, header_id), []).append(Named(own, mailbox_id, Candidate(*candidate)))
    return found


WAITING = text("""
    SELECT wanted.organization_id, wanted.message_id, found.*
    FROM unnest(CAST(:organizations AS uuid[]), CAST(:values AS text[])) AS wanted (organization_id, message_id)
    CROSS JOIN LATERAL (
        SELECT id, account_id FROM raw_mails
        WHERE organization_id = wanted.organization_id AND message_id = wanted.message_id AND message_id <> ''
            AND done_at IS NULL AND failed_at IS NULL AND id <> ALL (CAST(:except AS uuid[]))
        ORDER BY id LIMIT :most) AS found
""")


def waiting(connection: Connection, keys: Collection[Key], besides: Sequence[UUID]) -> dict[Key, list[Waiting]]:
    """The oldest raw mails of these Message-IDs that nobody has settled; those of `besides` left out."""
    found: dict[Key, list[Waiting]] = {}
    rows = of_keys(connection, WAITING, keys, most=MOST_NAMED, **{"except": list(besides)})
    for organization_id, message_id, *raw_mail in rows:
        found.setdefault((organization_id, message_id), []).append(Waiting(*raw_mail))
    return found


OF_TICKETS = text("""
    SELECT wanted.organization_id, wanted.protocol, wanted.email, participants.email IS NOT NULL,
           tickets.conversation_id, conversations.account_id, CAST(NULL AS uuid), tickets.id
    FROM unnest(CAST(:organizations AS uuid[]), CAST(:protocols AS text[]), CAST(:emails AS text[]))
        AS wanted (organization_id, protocol, email)
    JOIN tickets ON tickets.organization_id = wanted.organization_id AND tickets.protocol = wanted.protocol
    JOIN conversations ON conversations.id = tickets.conversation_id
        AND conversations.organization_id = wanted.organization_id
    LEFT JOIN participants
        ON participants.conversation_id = tickets.conversation_id AND participants.email = wanted.email
""")


def of_tickets(connection: Connection, wanted: Collection[tuple[UUID, str, str]]) -> dict[tuple[Key, str], OfTicket]:
    """wanted: organization, protocol, and the address that asks for it."""
    if not wanted:
        return {}
    columns = zip(("organizations", "protocols", "emails"), map(list, zip(*wanted, strict=True)), strict=True)
    return {
        ((organization_id, protocol), email): OfTicket(takes_part, Candidate(*candidate))
        for organization_id, protocol, email, takes_part, *candidate in connection.execute(OF_TICKETS, dict(columns))
    }


def of_keys(connection: Connection, statement: Any, keys: Collection[Key], **also: Any) -> Iterable[Any]:
    if not keys:
        return ()
    organizations, values = map(list, zip(*keys, strict=True))
    return connection.execute(statement, {"organizations": organizations, "values": values, **also})
