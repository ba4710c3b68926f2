"""Queries for signing in and sessions. Times are the database's, since the clocks of replicas differ."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from routing.domain.attempts import KNOWN_FOR, Tries
from routing.domain.sessions import Refresh
from routing.storage.tables import ATTEMPTS, ATTENDANTS, KNOWN_ADDRESSES, REFRESH_TOKENS, SESSIONS
from servicekit.ids import new_id

# A check takes a fraction of a second; one that never ended, since its process was killed, counts as failed.
CHECK_TIMEOUT = timedelta(seconds=30)
# Longer than any limit looks back.
KEEP_ATTEMPTS = timedelta(days=1)
KEEP_ENDED_SESSIONS = timedelta(days=7)


@dataclass(frozen=True)
class Credentials:
    attendant_id: UUID
    organization_id: UUID
    password_hash: str
    password_version: int
    active: bool


CREDENTIALS = (
    ATTENDANTS.c.id,
    ATTENDANTS.c.organization_id,
    ATTENDANTS.c.password_hash,
    ATTENDANTS.c.password_version,
    ATTENDANTS.c.active,
)


def now(connection: Connection) -> datetime:
    at: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return at


def lock_limits(connection: Connection, name_hash: bytes, address: str) -> None:
    """One attempt at a time is counted per address and per name, over all replicas, until this commit.

    Everybody takes the address's lock first; who holds a name's waits for nothing more, so nobody waits in a circle.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(1, hashtext(:key))"), {"key": address})
    connection.execute(text("SELECT pg_advisory_xact_lock(2, hashtext(:key))"), {"key": name_hash.hex()})


def credentials_of(connection: Connection, username: str) -> Credentials | None:
    row = connection.execute(select(*CREDENTIALS).where(ATTENDANTS.c.username == username)).first()
    return Credentials(*row) if row else None


def lock_credentials(connection: Connection, attendant_id: UUID) -> Credentials:
    """Holds off a change of password or activity until this commit."""
    query = select(*CREDENTIALS).where(ATTENDANTS.c.id == attendant_id).with_for_update(key_share=True)
    return Credentials(*connection.execute(query).one())


def tries_of_address(connection: Connection, address: str, window: timedelta) -> Tries:
    return tries(connection, (ATTEMPTS.c.address == address) & (ATTEMPTS.c.at > func.clock_timestamp() - window))


def tries_of_name(connection: Connection, name_hash: bytes, address: str, window: timedelta) -> Tries:
    """From this address where the name's owner is known there, else from all where they are not."""
    known = KNOWN_ADDRESSES.c.name_hash == name_hash, KNOWN_ADDRESSES.c.last_at > func.now() - KNOWN_FOR
    addresses = select(KNOWN_ADDRESSES.c.address).where(*known)
    here = connection.scalar(select(addresses.where(KNOWN_ADDRESSES.c.address == address).exists()))
    counted = ATTEMPTS.c.address == address if here else ATTEMPTS.c.address.not_in(addresses)
    recent = ATTEMPTS.c.at > func.clock_timestamp() - window
    return tries(connection, and_(ATTEMPTS.c.name_hash == name_hash, recent, ~ATTEMPTS.c.forgiven, counted))


def tries(connection: Connection, which: ColumnElement[bool]) -> Tries:
    hung = and_(ATTEMPTS.c.succeeded.is_(None), ATTEMPTS.c.at < func.clock_timestamp() - CHECK_TIMEOUT)
    failed = or_(ATTEMPTS.c.succeeded.is_(False), hung)
    row = connection.execute(
        select(
            func.count().filter(failed),
            func.count().filter(ATTEMPTS.c.succeeded.is_(None), ~hung),
            func.min(ATTEMPTS.c.at).filter(failed),
            func.max(ATTEMPTS.c.at).filter(failed),
        ).where(which)
    ).one()
    return Tries(*row)


def add_attempt(connection: Connection, name_hash: bytes, address: str) -> UUID:
    attempt_id = new_id()
    connection.execute(insert(ATTEMPTS).values(id=attempt_id, name_hash=name_hash, address=address))
    return attempt_id


def settle_attempt(connection: Connection, attempt_id: UUID, succeeded: bool) -> None:
    connection.execute(ATTEMPTS.update().where(ATTEMPTS.c.id == attempt_id).values(succeeded=succeeded))


def trust_address(connection: Connection, name_hash: bytes, address: str) -> None:
    """After a success: the name's earlier failures from here were its owner's, and the address is known.

    Where the gateway could not tell the address, everybody would share in that knowledge, so there is none.
    """
    if not address:
        return
    connection.execute(
        ATTEMPTS.update()
        .where(ATTEMPTS.c.name_hash == name_hash, ATTEMPTS.c.address == address, ~ATTEMPTS.c.forgiven)
        .values(forgiven=True)
    )
    connection.execute(
        insert(KNOWN_ADDRESSES)
        .values(name_hash=name_hash, address=address)
        .on_conflict_do_update(index_elements=["name_hash", "address"], set_={"last_at": func.now()})
    )


def rehash(connection: Connection, attendant_id: UUID, password_hash: str) -> None:
    connection.execute(ATTENDANTS.update().where(ATTENDANTS.c.id == attendant_id).values(password_hash=password_hash))


def add_session(connection: Connection, attendant_id: UUID, age: timedelta) -> UUID:
    session_id = new_id()
    connection.execute(insert(SESSIONS).values(id=session_id, attendant_id=attendant_id, expires_at=func.now() + age))
    return session_id


def add_token(connection: Connection, session_id: UUID, token_hash: bytes) -> None:
    connection.execute(insert(REFRESH_TOKENS).values(session_id=session_id, hash=token_hash))


def lock_session(connection: Connection, token_hash: bytes) -> UUID | None:
    """The session of a refresh token; refreshing, ending and signing out of it wait for each other."""
    of_token = select(REFRESH_TOKENS.c.session_id).where(REFRESH_TOKENS.c.hash == token_hash).scalar_subquery()
    session_id: UUID | None = connection.scalar(
        select(SESSIONS.c.id).where(SESSIONS.c.id == of_token).with_for_update()
    )
    return session_id


def refresh_of(connection: Connection, token_hash: bytes) -> tuple[Refresh, UUID, UUID]:
    """What is known about a token of a locked session, its attendant and organization.

    A statement after the lock, so that it sees what the one who held it before has committed.
    """
    row = connection.execute(
        select(
            SESSIONS.c.refreshed_at,
            SESSIONS.c.expires_at,
            SESSIONS.c.ended_at,
            REFRESH_TOKENS.c.used_at,
            ATTENDANTS.c.active,
            ATTENDANTS.c.id,
            ATTENDANTS.c.organization_id,
        )
        .join_from(REFRESH_TOKENS, SESSIONS, SESSIONS.c.id == REFRESH_TOKENS.c.session_id)
        .join(ATTENDANTS, ATTENDANTS.c.id == SESSIONS.c.attendant_id)
        .where(REFRESH_TOKENS.c.hash == token_hash)
    ).one()
    return Refresh(*row[:5]), row[5], row[6]


def use_token(connection: Connection, token_hash: bytes, session_id: UUID) -> None:
    """A retry does not move the time of the first use."""
    connection.execute(
        REFRESH_TOKENS.update()
        .where(REFRESH_TOKENS.c.hash == token_hash, REFRESH_TOKENS.c.used_at.is_(None))
        .values(used_at=func.clock_timestamp())
    )
    connection.execute(SESSIONS.update().where(SESSIONS.c.id == session_id).values(refreshed_at=func.clock_timestamp()))


def end_session(connection: Connection, session_id: UUID, reason: str) -> None:
    end(connection, SESSIONS.c.id == session_id, reason)


def end_sessions_of(connection: Connection, attendant_id: UUID, reason: str) -> None:
    end(connection, SESSIONS.c.attendant_id == attendant_id, reason)


def end(connection: Connection, which: ColumnElement[bool], reason: str) -> None:
    connection.execute(
        SESSIONS.update()
        .where(which, SESSIONS.c.ended_at.is_(None))
        .values(ended_at=func.clock_timestamp(), end_reason=reason)
    )


def forget(connection: Connection) -> None:
    """Drops what no limit counts any more and what nobody can refresh."""
    connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.at < func.now() - KEEP_ATTEMPTS))
    connection.execute(delete(KNOWN_ADDRESSES).where(KNOWN_ADDRESSES.c.last_at < func.now() - KNOWN_FOR))
    over = func.least(SESSIONS.c.expires_at, func.coalesce(SESSIONS.c.ended_at, SESSIONS.c.expires_at))
    connection.execute(delete(SESSIONS).where(over < func.now() - KEEP_ENDED_SESSIONS))
