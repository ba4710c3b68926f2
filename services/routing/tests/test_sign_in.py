"""Signing in, and how often one may try."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import argon2
import grpc
import pytest
import structlog
from guiche.routing.v1.session_service_pb2 import SignInRequest, Tokens
from guiche.routing.v1.session_service_pb2_grpc import SessionServiceStub
from routing_support import PASSWORD, House
from sqlalchemy import event, func, select

from routing.config import RoutingSettings
from routing.domain.attempts import Limits, Tries, address_key, address_wait, name_wait
from routing.handlers import directory
from routing.handlers.passwords import Passwords
from routing.storage import sessions
from routing.storage.tables import ATTEMPTS, ATTENDANTS, KNOWN_ADDRESSES, SESSIONS
from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.rpc.client import Peer
from servicekit.tokens import Keys

SignIn = Callable[..., Tokens]
LIMITS = Limits(20, timedelta(minutes=15), 5, timedelta(minutes=5))
HOME, CAFE = "203.0.113.7", "198.51.100.9"


@pytest.fixture
def sign_in(gateway: Peer, session_stub: SessionServiceStub, house: House) -> SignIn:
    def call(username: str = "ana", password: str = PASSWORD, address: str = HOME) -> Tokens:
        request = SignInRequest(username=username, password=password, client_address=address)
        return gateway.call(session_stub.SignIn, request, timeout=30).tokens

    return call


def refused(sign_in: SignIn, *args: str, **named: str) -> Failure:
    with pytest.raises(Failure) as failure:
        sign_in(*args, **named)
    return failure.value


def fail(sign_in: SignIn, times: int, username: str = "ana", address: str = HOME) -> None:
    for _ in range(times):
        assert refused(sign_in, username, "wrong", address).reason == "CREDENTIALS_REJECTED"


def while_verifying(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    verify = argon2.PasswordHasher.verify

    def watched(hasher: argon2.PasswordHasher, stored: str, password: str) -> bool:
        happens()
        return verify(hasher, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", watched)


def pass_time(database: Database, time: timedelta) -> None:
    """As if everything had happened that much earlier."""
    with database.transaction() as connection:
        connection.execute(ATTEMPTS.update().values(at=ATTEMPTS.c.at - time))
        connection.execute(KNOWN_ADDRESSES.update().values(last_at=KNOWN_ADDRESSES.c.last_at - time))


def test_tokens_are_for_the_gateway_and_name_attendant_organization_and_session(
    sign_in: SignIn, house: House, keys_of: Callable[[str], Keys], database: Database
) -> None:
    tokens = sign_in()
    claims = keys_of("gateway").verify(tokens.access_token, ("routing",))
    assert (claims["sub"], claims["org"], claims["aud"]) == (str(house.ana), str(house.organization), "gateway")
    assert claims["exp"] - claims["iat"] == tokens.expires_in == 300
    with database.transaction() as connection:
        assert connection.scalars(select(SESSIONS.c.id)).all() == [UUID(claims["sid"])]


def test_unknown_names_wrong_passwords_and_inactive_attendants_get_the_same_answer_for_the_same_work(
    sign_in: SignIn, house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as connection:
        directory.set_active(connection, house.carla, False)
    verified: list[str] = []
    statements: list[str] = []
    while_verifying(monkeypatch, lambda: verified.append(""))
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    seen = set()
    for username, password in (("nobody", PASSWORD), ("no\0body", PASSWORD), ("ana", "wrong")):
        failure = refused(sign_in, username, password)
        seen.add((failure.code, failure.reason, failure.detail, str(failure.metadata), len(verified), len(statements)))
        verified.clear()
        statements.clear()
    assert len(seen) == 1
    assert seen.pop()[4] == 1
    inactive = refused(sign_in, "carla", PASSWORD)
    assert (inactive.code, inactive.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_REJECTED")
    assert len(verified) == 1


@pytest.mark.parametrize("username", ["ANA", " ana ", "ａｎａ"])
def test_a_name_may_be_written_in_any_case_and_form(sign_in: SignIn, username: str) -> None:
    assert sign_in(username).access_token


def test_the_same_password_may_be_typed_in_any_form(
    sign_in: SignIn, house: House, database: Database, passwords: Passwords
) -> None:
    with database.transaction() as connection:
        directory.set_password(connection, house.ana, passwords.hash("senha ção longa"))
    assert sign_in("ana", "senha c\u0327a\u0303o longa").access_token
    assert refused(sign_in, "ana", "SENHA ção longa").reason == "CREDENTIALS_REJECTED"


def test_no_password_and_no_token_is_kept_or_logged(sign_in: SignIn, database: Database) -> None:
    with structlog.testing.capture_logs() as logs:
        tokens = sign_in()
        refused(sign_in, "ana", "my wrong secret")
        refused(sign_in, "nobody-of-this-name", "my wrong secret")
    assert [entry["event"] for entry in logs] == ["signed_in", "sign_in_refused", "sign_in_refused"]
    assert [entry.get("why") for entry in logs] == [None, "password", "unknown"]
    with database.transaction() as connection:
        tables = ("attendants", "sessions", "refresh_tokens", "sign_in_attempts", "known_addresses")
        kept = [str(connection.exec_driver_sql(f"SELECT * FROM {table}").all()) for table in tables]
    for text in [*map(str, logs), *kept]:
        for secret in (PASSWORD, "my wrong secret", tokens.refresh_token, tokens.access_token, "nobody-of-this-name"):
            assert secret not in text


def test_a_hash_made_with_other_parameters_is_made_anew_at_the_next_sign_in(
    sign_in: SignIn, house: House, database: Database
) -> None:
    weaker = Passwords(memory_kib=16, passes=1)
    with database.transaction() as connection:
        directory.set_password(connection, house.ana, weaker.hash(PASSWORD))
    refused(sign_in, "ana", "wrong")
    assert stored(database, house.ana).startswith("$argon2id$v=19$m=16,t=1,p=1$")
    sign_in()
    assert stored(database, house.ana).startswith("$argon2id$v=19$m=8,t=1,p=1$")
    sign_in()


def stored(database: Database, attendant: UUID) -> str:
    with database.transaction() as connection:
        query = select(ATTENDANTS.c.password_hash).where(ATTENDANTS.c.id == attendant)
        return str(connection.execute(query).scalar_one())


def test_the_parameters_by_default_are_no_weaker_than_recommended(settings: RoutingSettings) -> None:
    hashed = Passwords(settings.password_memory_kib, settings.password_passes).hash(PASSWORD)
    parameters = argon2.extract_parameters(hashed)
    assert parameters.type == argon2.Type.ID
    assert (parameters.memory_cost, parameters.time_cost) >= (19 * 1024, 2)


def test_no_transaction_is_open_while_a_password_is_checked(
    sign_in: SignIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    while_verifying(monkeypatch, lambda: opened.append(database.engine.pool.checkedout()))  # type: ignore[attr-defined]
    sign_in()
    assert opened == [0]


# How often one may try. Enough failures are put into the table at once that no slow test outlasts their delay.

NAME_DELAY = timedelta(seconds=32)


def remember_failures(database: Database, username: str = "ana", address: str = HOME, count: int = 10) -> None:
    """Failures of this moment, after which a name has to wait NAME_DELAY."""
    with database.transaction() as connection:
        for _ in range(count):
            attempt = sessions.add_attempt(connection, hashlib.sha256(username.encode()).digest(), address)
            sessions.settle_attempt(connection, attempt, succeeded=False)


def test_the_fifth_failure_of_a_name_is_answered_as_such_and_each_further_attempt_waits_twice_as_long() -> None:
    now = datetime.now(UTC)
    waits = [name_wait(Tries(failed, 0, now, now), LIMITS, now).total_seconds() for failed in range(4, 16)]
    assert waits == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_name_that_failed_has_to_wait_and_is_told_how_long(sign_in: SignIn, database: Database) -> None:
    fail(sign_in, 4)
    remember_failures(database, count=6)
    failure = refused(sign_in)
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS")
    assert 0 < int(failure.metadata["retry_after"]) <= NAME_DELAY.total_seconds()
    pass_time(database, NAME_DELAY)
    fail(sign_in, 1)
    assert NAME_DELAY.total_seconds() < int(refused(sign_in).metadata["retry_after"]) <= 64


def test_attempts_that_had_to_wait_do_not_make_the_wait_longer(sign_in: SignIn, database: Database) -> None:
    remember_failures(database)
    for _ in range(10):
        refused(sign_in)
    pass_time(database, NAME_DELAY)
    sign_in()


def test_a_success_ends_the_delays_of_the_name(sign_in: SignIn, database: Database) -> None:
    fail(sign_in, 4)
    sign_in()
    fail(sign_in, 4)
    sign_in()


def test_names_nobody_has_have_to_wait_like_others(sign_in: SignIn, database: Database) -> None:
    fail(sign_in, 1, "nobody")
    remember_failures(database, "nobody")
    assert refused(sign_in, "nobody").reason == "TOO_MANY_ATTEMPTS"
    assert refused(sign_in, "ＮＯＢＯＤＹ").reason == "TOO_MANY_ATTEMPTS"


def test_an_attack_from_everywhere_is_slowed_down_as_one_and_leaves_the_owner_alone(
    sign_in: SignIn, database: Database
) -> None:
    sign_in(address=HOME)
    for n in range(10):
        remember_failures(database, address=f"192.0.2.{n}", count=1)
    assert refused(sign_in, address="192.0.2.99").reason == "TOO_MANY_ATTEMPTS"
    assert sign_in(address=HOME).access_token


def test_the_owner_at_a_new_address_gets_a_turn_during_an_attack(sign_in: SignIn, database: Database) -> None:
    remember_failures(database, address="192.0.2.1")
    assert refused(sign_in, address=CAFE).reason == "TOO_MANY_ATTEMPTS"
    pass_time(database, NAME_DELAY)
    assert sign_in(address=CAFE).access_token


def test_no_address_is_nobodys_usual_one(sign_in: SignIn, database: Database) -> None:
    sign_in(address="")
    remember_failures(database, address=CAFE)
    assert refused(sign_in, address="").reason == "TOO_MANY_ATTEMPTS"


def test_an_address_is_known_for_a_month(sign_in: SignIn, database: Database) -> None:
    sign_in(address=HOME)
    pass_time(database, timedelta(days=31))
    remember_failures(database, address=CAFE)
    assert refused(sign_in, address=HOME).reason == "TOO_MANY_ATTEMPTS"


def test_an_address_has_twenty_failures_over_all_names_and_no_success_lifts_that(
    sign_in: SignIn, database: Database
) -> None:
    for n in range(19):
        fail(sign_in, 1, f"name{n}")
        if n % 5 == 0:
            sign_in("carla")
    fail(sign_in, 1, "name19")
    failure = refused(sign_in, "carla")
    assert failure.reason == "TOO_MANY_ATTEMPTS"
    assert 880 < int(failure.metadata["retry_after"]) <= 900
    assert sign_in("carla", address=CAFE).access_token
    pass_time(database, timedelta(minutes=15))
    assert sign_in("carla").access_token


def test_a_success_of_a_name_does_not_take_its_failures_from_the_address(sign_in: SignIn) -> None:
    for _ in range(5):
        sign_in("carla")
        fail(sign_in, 4, "carla")
    assert refused(sign_in, "carla").reason == "TOO_MANY_ATTEMPTS"


def test_guesses_all_at_once_are_counted_before_they_are_checked(sign_in: SignIn, database: Database) -> None:
    def guess(n: int) -> str:
        return refused(sign_in, "ana", f"guess {n}").reason

    with ThreadPoolExecutor(20) as pool:
        reasons = list(pool.map(guess, range(60)))
    assert reasons.count("CREDENTIALS_REJECTED") <= 6
    assert set(reasons) == {"CREDENTIALS_REJECTED", "TOO_MANY_ATTEMPTS"}


def test_a_check_whose_process_was_killed_counts_as_failed(sign_in: SignIn, database: Database) -> None:
    remember_failures(database, count=12)
    with database.transaction() as connection:
        connection.execute(ATTEMPTS.update().values(succeeded=None))
    pass_time(database, timedelta(seconds=31))
    assert refused(sign_in).reason == "TOO_MANY_ATTEMPTS"


def test_a_password_changed_while_it_is_checked_opens_no_session(
    sign_in: SignIn, house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change() -> None:
        with database.transaction() as connection:
            directory.set_password(connection, house.ana, "another")

    while_verifying(monkeypatch, change)
    assert refused(sign_in).reason == "CREDENTIALS_REJECTED"
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(SESSIONS)) == 0


@pytest.mark.parametrize("field", ["username", "password"])
def test_what_is_empty_or_too_long_is_refused_by_its_name(sign_in: SignIn, field: str) -> None:
    for value in ("", "x" * 201):
        failure = refused(sign_in, **{field: value})
        assert [violation.field for violation in failure.violations] == [field]


def test_an_ipv6_client_is_its_network_and_a_mapped_ipv4_client_its_address() -> None:
    assert address_key("2001:db8:1:2:3:4:5:6") == address_key("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert address_key("2001:db8:1:3::9") != address_key("2001:db8:1:2::9")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1") == "192.0.2.1"
    assert address_key("no\0address\n") == "noaddress"


def test_attempts_under_way_hold_their_place_for_a_moment_only() -> None:
    now = datetime.now(UTC)
    assert address_wait(Tries(0, 20, None, None), LIMITS, now) == timedelta(seconds=1)
    assert address_wait(Tries(0, 19, None, None), LIMITS, now) == timedelta()
    assert name_wait(Tries(0, 5, None, None), LIMITS, now) == timedelta(seconds=1)
