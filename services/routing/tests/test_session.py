"""Refreshing and ending sessions."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from guiche.routing.v1.session_service_pb2 import RefreshSessionRequest, SignInRequest, SignOutRequest
from guiche.routing.v1.session_service_pb2_grpc import SessionServiceStub
from routing_support import PASSWORD, House
from sqlalchemy import func, select

from routing.domain.sessions import Refresh, Verdict, judge
from routing.handlers import directory
from routing.handlers.passwords import Passwords
from routing.storage import sessions
from routing.storage.tables import ATTEMPTS, KNOWN_ADDRESSES, REFRESH_TOKENS, SESSIONS
from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.rpc.client import Peer
from servicekit.tokens import Keys

Refreshing = Callable[[str], str]


@pytest.fixture
def token(gateway: Peer, session_stub: SessionServiceStub, house: House) -> str:
    """Of a session of ana's that was just opened."""
    request = SignInRequest(username="ana", password=PASSWORD, client_address="203.0.113.7")
    return gateway.call(session_stub.SignIn, request).tokens.refresh_token


@pytest.fixture
def refresh(gateway: Peer, session_stub: SessionServiceStub) -> Refreshing:
    def call(token: str) -> str:
        request = RefreshSessionRequest(refresh_token=token)
        return gateway.call(session_stub.RefreshSession, request, timeout=30).tokens.refresh_token

    return call


@pytest.fixture
def sign_out(gateway: Peer, session_stub: SessionServiceStub) -> Callable[[str], object]:
    return lambda token: gateway.call(session_stub.SignOut, SignOutRequest(refresh_token=token))


def ended(refresh: Refreshing, token: str) -> bool:
    """Whether it is refused, and as it must be."""
    try:
        refresh(token)
    except Failure as failure:
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SESSION_ENDED")
        return True
    return False


def pass_time(database: Database, time: timedelta) -> None:
    """As if everything had happened that much earlier."""
    with database.transaction() as connection:
        moved = {column: column - time for column in (SESSIONS.c.refreshed_at, SESSIONS.c.expires_at)}
        connection.execute(SESSIONS.update().values(moved))
        connection.execute(REFRESH_TOKENS.update().values(used_at=REFRESH_TOKENS.c.used_at - time))


def end_reason(database: Database) -> str:
    with database.transaction() as connection:
        return str(connection.execute(select(SESSIONS.c.end_reason)).scalar_one())


def test_a_refresh_gives_the_same_attendant_and_session_and_another_token(
    gateway: Peer, session_stub: SessionServiceStub, token: str, house: House, keys_of: Callable[[str], Keys]
) -> None:
    keys = keys_of("gateway")
    first = gateway.call(session_stub.RefreshSession, RefreshSessionRequest(refresh_token=token)).tokens
    second = gateway.call(session_stub.RefreshSession, RefreshSessionRequest(refresh_token=first.refresh_token)).tokens
    claims = [keys.verify(tokens.access_token, ("routing",)) for tokens in (first, second)]
    assert {c["sub"] for c in claims} == {str(house.ana)}
    assert len({c["sid"] for c in claims}) == 1
    assert len({token, first.refresh_token, second.refresh_token}) == 3


def test_a_token_is_256_bits_and_kept_as_its_hash_only(token: str, database: Database) -> None:
    assert len(token) == 43
    with database.transaction() as connection:
        assert connection.scalars(select(REFRESH_TOKENS.c.hash)).all() == [hashlib.sha256(token.encode()).digest()]


def test_a_retry_within_ten_seconds_gets_another_successor_and_both_are_valid(
    token: str, refresh: Refreshing, database: Database
) -> None:
    lost = refresh(token)
    pass_time(database, timedelta(seconds=8))
    got = refresh(token)
    assert lost != got
    refresh(got)
    refresh(lost)


def test_a_used_token_that_comes_back_later_ends_the_whole_session(
    token: str, refresh: Refreshing, database: Database
) -> None:
    newer = refresh(token)
    pass_time(database, timedelta(seconds=11))
    assert ended(refresh, token)
    assert ended(refresh, newer)
    assert end_reason(database) == "REUSED"


def test_retries_do_not_make_the_ten_seconds_longer(token: str, refresh: Refreshing, database: Database) -> None:
    for _ in range(3):
        refresh(token)
        pass_time(database, timedelta(seconds=4))
    assert ended(refresh, token)


def test_many_refreshes_of_one_token_at_once_all_get_different_valid_tokens(
    token: str, refresh: Refreshing, database: Database
) -> None:
    with ThreadPoolExecutor(16) as pool:
        successors = list(pool.map(refresh, [token] * 16))
    assert len(set(successors)) == 16
    pass_time(database, timedelta(seconds=11))
    refresh(successors[7])
    assert ended(refresh, token)


def test_a_thief_and_the_owner_at_once_leave_no_token_that_is_valid(
    token: str, refresh: Refreshing, database: Database
) -> None:
    newer = refresh(token)
    pass_time(database, timedelta(seconds=11))
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda old: attempt(refresh, old), [token, newer] * 4))
    assert None in outcomes
    assert all(ended(refresh, successor) for successor in outcomes if successor)


def attempt(refresh: Refreshing, token: str) -> str | None:
    try:
        return refresh(token)
    except Failure:
        return None


def test_a_session_ends_when_it_was_not_refreshed_for_twelve_hours(
    token: str, refresh: Refreshing, database: Database
) -> None:
    pass_time(database, timedelta(hours=11, minutes=59))
    token = refresh(token)
    pass_time(database, timedelta(hours=12))
    assert ended(refresh, token)
    assert end_reason(database) == "EXPIRED"


def test_a_session_ends_after_thirty_days_however_often_it_was_refreshed(
    token: str, refresh: Refreshing, database: Database
) -> None:
    for _ in range(65):
        pass_time(database, timedelta(hours=11))
        token = refresh(token)
    pass_time(database, timedelta(hours=6))
    assert ended(refresh, token)


def test_signing_out_ends_the_session_by_any_of_its_tokens_and_never_fails(
    token: str, refresh: Refreshing, sign_out: Callable[[str], object], database: Database
) -> None:
    newer = refresh(token)
    for nothing in ("", "no token", "x\0y"):
        sign_out(nothing)
    sign_out(token)
    assert ended(refresh, newer)
    sign_out(token)
    assert end_reason(database) == "SIGNED_OUT"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c, house: directory.set_active(c, house.ana, False), "INACTIVE"),
        (lambda c, house: directory.set_password(c, house.ana, "another"), "PASSWORD_CHANGED"),
    ],
)
def test_deactivation_and_a_new_password_end_sessions(
    token: str,
    refresh: Refreshing,
    database: Database,
    house: House,
    change: Callable[[object, House], None],
    reason: str,
) -> None:
    with database.transaction() as connection:
        change(connection, house)
    assert ended(refresh, token)
    assert end_reason(database) == reason


def test_other_attendants_sessions_live_on(
    gateway: Peer, session_stub: SessionServiceStub, token: str, refresh: Refreshing, database: Database, house: House
) -> None:
    with database.transaction() as connection:
        directory.set_active(connection, house.carla, False)
    refresh(token)


@pytest.mark.parametrize("token", ["nothing", "x\0y", "é" * 100])
def test_a_token_that_never_was_is_like_one_that_ended(token: str, refresh: Refreshing, house: House) -> None:
    assert ended(refresh, token)


def test_an_attendant_who_is_no_longer_active_gets_no_tokens() -> None:
    now = datetime.now(UTC)
    known = Refresh(now, now + timedelta(days=1), None, None, attendant_active=False)
    assert judge(known, timedelta(hours=12), now) is Verdict.INACTIVE


def test_what_is_over_is_forgotten_and_what_lives_is_kept(
    token: str, refresh: Refreshing, database: Database, passwords: Passwords
) -> None:
    with database.transaction() as connection:
        sessions.forget(connection)
    refresh(token)
    with database.transaction() as connection:
        month = timedelta(days=31)
        connection.execute(ATTEMPTS.update().values(at=ATTEMPTS.c.at - month))
        connection.execute(KNOWN_ADDRESSES.update().values(last_at=KNOWN_ADDRESSES.c.last_at - month))
        connection.execute(SESSIONS.update().values(ended_at=func.now() - timedelta(days=8)))
        sessions.forget(connection)
        left = [
            connection.scalar(select(func.count()).select_from(table))
            for table in (ATTEMPTS, KNOWN_ADDRESSES, SESSIONS, REFRESH_TOKENS)
        ]
    assert left == [0, 0, 0, 0]
