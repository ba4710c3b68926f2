"""What an operator can do from a terminal."""

import io
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from guiche.routing.v1.session_service_pb2 import SignInRequest
from guiche.routing.v1.session_service_pb2_grpc import SessionServiceStub
from routing_support import ACCOUNT, PASSWORD, House
from sqlalchemy import func, select

from routing.commands import add_commands
from routing.config import RoutingSettings
from routing.main import build
from routing.storage.tables import ATTENDANTS, OCCURRENCES, RULES, SESSIONS
from servicekit import cli
from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.events.outbox import OUTBOX
from servicekit.rpc.client import Peer

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(settings: RoutingSettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `python -m routing …`; gives the facts it printed."""

    def command(*words: object, said: str = "") -> list[dict[str, Any]]:
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO(said))
        url = settings.routing_database_url
        cli.main("routing", lambda: settings, lambda _: url, build, own=add_commands, words=list(map(str, words)))
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return command


def test_a_whole_company_is_founded_from_the_terminal(
    run: Run, gateway: Peer, session_stub: SessionServiceStub, database: Database
) -> None:
    organization = run("organization", "add", "Loja", "--time-zone", "America/Manaus")[0]["id"]
    project = run("project", "add", organization, "SAC")[0]["id"]
    department = run("department", "add", project, "Atendimento")[0]["id"]
    level = run("level", "add", department, "N1")[0]["id"]
    who = (organization, "Zé Ramos", "Zé", "ze@loja.example")
    links = ("--level", level, "--role", f"SUPERVISOR:{department}", "--role", "VIEWER")
    run("attendant", "add", *who, *links, said=f"{PASSWORD}\n")
    run("department", "acknowledge", department, "Recebemos a sua mensagem.")
    run("level", "accounts", level, ACCOUNT)
    [rule] = run("rule", "add", organization, ACCOUNT, level, "--priority", "LOW")
    request = SignInRequest(username="zé", password=PASSWORD, client_address="203.0.113.7")
    assert gateway.call(session_stub.SignIn, request).tokens.access_token
    with database.transaction() as connection:
        assert connection.execute(select(RULES)).one().id == UUID(rule["id"])
        assert connection.scalar(select(func.count()).select_from(OUTBOX)) == 6


def test_a_new_password_ends_sessions_and_the_old_one(
    run: Run, gateway: Peer, session_stub: SessionServiceStub, database: Database, house: House
) -> None:
    request = SignInRequest(username="ana", password=PASSWORD, client_address="203.0.113.7")
    gateway.call(session_stub.SignIn, request)
    run("attendant", "password", "ANA", said="another horse, another staple\n")
    with database.transaction() as connection:
        assert connection.scalar(select(SESSIONS.c.end_reason)) == "PASSWORD_CHANGED"
    with pytest.raises(Failure):
        gateway.call(session_stub.SignIn, request)


@pytest.mark.parametrize("password", ["", "fourteen chars", "x" * 201])
def test_a_password_that_is_too_short_or_too_long_is_refused(run: Run, house: House, password: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run("attendant", "password", "ana", said=f"{password}\n")
    assert "PASSWORD_LENGTH" in str(ended.value)


def test_attendants_are_switched_off_and_on_and_linked_anew(run: Run, database: Database, house: House) -> None:
    run("attendant", "deactivate", "ana")
    run("attendant", "activate", "ana")
    run("attendant", "link", "ana", "--level", house.n2, "--role", "ADMINISTRATOR")
    run("attendant", "rename", house.ana, "Ana Maria")
    with database.transaction() as connection:
        row = connection.execute(select(ATTENDANTS).where(ATTENDANTS.c.id == house.ana)).one()
    assert (row.name, row.active, row.version) == ("Ana Maria", True, 6)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("attendant", "deactivate", "nobody"), "NOT_FOUND"),
        (("organization", "add", "Demo"), "ALREADY_EXISTS"),
        (("organization", "add", "Outra", "--time-zone", "Mars/Olympus"), "INVALID_REQUEST"),
        (("project", "add", uuid4(), "SAC"), "NOT_FOUND"),
    ],
)
def test_what_is_refused_says_why_in_one_line(run: Run, house: House, words: tuple[object, ...], reason: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert str(ended.value).startswith(f"{reason}: ")


@pytest.mark.parametrize(
    "words",
    [
        ("rule", "add", "no-uuid", "no-uuid", "no-uuid"),
        ("attendant", "link", "ana", "--role", "KING"),
        ("occurrence", "redrive"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    run: Run, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_given_up_occurrences_are_listed_and_redriven(run: Run, database: Database, house: House) -> None:
    occurrence = uuid4()
    with database.transaction() as connection:
        row = dict.fromkeys(("sender_name", "sender_address", "subject", "snippet", "traceparent"), "")
        ids = {"id": occurrence, "organization_id": uuid4(), "account_id": uuid4(), "conversation_id": uuid4()}
        times = {"occurred_at": func.now(), "failed_at": func.now()}
        gone = OCCURRENCES.insert().values(
            **row, **ids, **times, platform="EMAIL", last_error="Refused: no", attempts=1
        )
        connection.execute(gone)
    [failed] = run("occurrence", "failed")
    assert (failed["id"], failed["last_error"]) == (str(occurrence), "Refused: no")
    assert run("occurrence", "redrive", "--id", uuid4()) == [{"redriven": 0}]
    assert run("occurrence", "redrive", "--all") == [{"redriven": 1}]
    assert run("occurrence", "failed") == []


def test_the_whole_directory_is_republished(run: Run, database: Database, house: House) -> None:
    with database.transaction() as connection:
        connection.execute(OUTBOX.delete())
    assert run("republish") == [{"republished": 8}]
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(OUTBOX)) == 8
