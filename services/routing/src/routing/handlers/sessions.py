"""Signing in, refreshing, signing out.

What is refused must still be committed (the failed attempt, the end of a session), so these answer None, and the edge
raises CredentialsRejected or SessionEnded after the commit.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from uuid import UUID

import grpc
from sqlalchemy import Connection

from routing.domain.accounts import is_username, normalised_username
from routing.domain.attempts import NAME_WINDOW, Limits, address_key, address_wait, name_wait
from routing.domain.sessions import Verdict, hash_of, judge, new_token
from routing.handlers.passwords import Check
from routing.storage import sessions as storage
from routing.storage.sessions import Credentials
from servicekit.errors import Failure, Unauthenticated
from servicekit.telemetry import log


class CredentialsRejected(Unauthenticated):
    reason = "CREDENTIALS_REJECTED"


class SessionEnded(Unauthenticated):
    reason = "SESSION_ENDED"


class TooManyAttempts(Failure):
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "TOO_MANY_ATTEMPTS"


@dataclass(frozen=True)
class Attempt:
    """A sign-in that has begun and counts; credentials None: nobody has this name."""

    id: UUID
    name_hash: bytes
    address: str
    credentials: Credentials | None


@dataclass(frozen=True)
class Opened:
    """A session that was opened or refreshed; the refresh token exists only here and with the client."""

    session_id: UUID
    attendant_id: UUID
    organization_id: UUID
    refresh_token: str


def begin_sign_in(connection: Connection, limits: Limits, username: str, client_address: str) -> Attempt:
    """Counts an attempt, and finds whose password is to be checked; TooManyAttempts where one has to wait."""
    name, address = normalised_username(username), address_key(client_address)
    name_hash = hashlib.sha256(name.encode()).digest()
    storage.lock_limits(connection, name_hash, address)
    refuse_too_many(connection, limits, name_hash, address)
    # A name that cannot be one, with NUL in it perhaps, is looked for like any other that nobody has.
    credentials = storage.credentials_of(connection, name if is_username(name) else "")
    return Attempt(storage.add_attempt(connection, name_hash, address), name_hash, address, credentials)


def refuse_too_many(connection: Connection, limits: Limits, name_hash: bytes, address: str) -> None:
    now = storage.now(connection)
    of_address = storage.tries_of_address(connection, address, limits.address_window)
    of_name = storage.tries_of_name(connection, name_hash, address, NAME_WINDOW)
    wait = max(address_wait(of_address, limits, now), name_wait(of_name, limits, now))
    if wait > timedelta():
        seconds = ceil(wait.total_seconds())
        log("routing").warning("sign_in_limited", address=address, retry_after=seconds)
        raise TooManyAttempts(
            f"Too many attempts to sign in. Try again in {seconds} seconds.", {"retry_after": str(seconds)}
        )


def finish_sign_in(connection: Connection, attempt: Attempt, check: Check, age: timedelta) -> Opened | None:
    """Opens a session, or keeps the failure and gives None. check: of the password, made outside of transactions."""
    credentials, why = judge_sign_in(connection, attempt, check)
    if credentials is None:
        storage.settle_attempt(connection, attempt.id, succeeded=False)
        attendant = str(attempt.credentials.attendant_id) if attempt.credentials else None
        log("routing").warning("sign_in_refused", why=why, attendant=attendant, address=attempt.address)
        return None
    storage.settle_attempt(connection, attempt.id, succeeded=True)
    storage.trust_address(connection, attempt.name_hash, attempt.address)
    if check.new_hash:
        storage.rehash(connection, credentials.attendant_id, check.new_hash)
    session_id = storage.add_session(connection, credentials.attendant_id, age)
    log("routing").info(
        "signed_in", attendant=str(credentials.attendant_id), session=str(session_id), address=attempt.address
    )
    return hand_out(connection, session_id, credentials.attendant_id, credentials.organization_id)


def judge_sign_in(connection: Connection, attempt: Attempt, check: Check) -> tuple[Credentials | None, str]:
    """The credentials, locked, of one who may sign in; else None and why not, for the log alone."""
    if attempt.credentials is None:
        return None, "unknown"
    if not check.matches:
        return None, "password"
    current = storage.lock_credentials(connection, attempt.credentials.attendant_id)
    if current.password_version != attempt.credentials.password_version:
        return None, "changed"
    return (current, "") if current.active else (None, "inactive")


def hand_out(connection: Connection, session_id: UUID, attendant_id: UUID, organization_id: UUID) -> Opened:
    token = new_token()
    storage.add_token(connection, session_id, hash_of(token))
    return Opened(session_id, attendant_id, organization_id, token)


def refresh(connection: Connection, token: str, idle: timedelta) -> Opened | None:
    """A successor for a refresh token; None where the session is over, or is ended by this."""
    token_hash = hash_of(token)
    session_id = storage.lock_session(connection, token_hash)
    if session_id is None:
        return None
    known, attendant_id, organization_id = storage.refresh_of(connection, token_hash)
    verdict = judge(known, idle, storage.now(connection))
    if verdict is not Verdict.RENEW:
        end(connection, session_id, attendant_id, verdict)
        return None
    storage.use_token(connection, token_hash, session_id)
    return hand_out(connection, session_id, attendant_id, organization_id)


def end(connection: Connection, session_id: UUID, attendant_id: UUID, verdict: Verdict) -> None:
    if verdict is not Verdict.ENDED:
        storage.end_session(connection, session_id, verdict.value)
    level = log("routing").warning if verdict is Verdict.REUSED else log("routing").info
    level("refresh_refused", why=verdict.value, attendant=str(attendant_id), session=str(session_id))


def sign_out(connection: Connection, token: str) -> None:
    """Ends the session of a refresh token, also of a used one; it is no matter where there is none."""
    session_id = storage.lock_session(connection, hash_of(token))
    if session_id is not None:
        storage.end_session(connection, session_id, "SIGNED_OUT")
        log("routing").info("signed_out", session=str(session_id))
