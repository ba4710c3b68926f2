"""Processes that end are started anew, each at its own pace."""

import sys
from pathlib import Path

import pytest

from all_in_one import up
from all_in_one.up import FIRST_REST, LONGEST_REST, Child
from servicekit.testing import eventually


def child(folder: Path, script: str) -> Child:
    made = Child("ticket-api", [sys.executable, "-S", "-c", script], {}, folder / "ticket-api.log")
    made.start()
    return made


def ended(made: Child) -> int:
    """Looks after it until it has been started anew."""
    first = made.process.pid
    made.process.wait()

    def again() -> bool:
        made.look_after()
        return made.process.pid != first

    eventually(again)
    return made.process.pid


def test_a_process_that_dies_again_and_again_rests_longer_each_time(tmp_path: Path) -> None:
    dying = child(tmp_path, "")
    ended(dying)
    ended(dying)
    dying.process.wait()
    assert FIRST_REST * 4 == dying.rest < LONGEST_REST


def test_a_process_that_ran_well_is_started_at_once_however_often_it_died_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "SOUND_SECONDS", 0.0)
    dying = child(tmp_path, "")
    dying.rest = LONGEST_REST
    ended(dying)
    dying.process.wait()
    assert dying.rest == FIRST_REST * 2


def test_a_process_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dying = child(tmp_path, "")
    python = dying.command[0]
    dying.command[0] = str(tmp_path / "missing")
    dying.process.wait()

    def told() -> str:
        dying.look_after()
        return capsys.readouterr().err

    assert "ticket-api cannot be started" in eventually(told)
    dying.command[0] = python
    ended(dying)
    dying.process.wait()


@pytest.mark.parametrize(("relay", "module"), [("", "all_in_one.gateway"), ("mail.example:25", "gateway")])
def test_the_gateway_shows_outgoing_mail_where_no_relay_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relay: str, module: str
) -> None:
    monkeypatch.setenv("GUICHE_SMTP_RELAY", relay)
    number = up.PROCESSES.index(("gateway", ""))
    assert up.child(tmp_path, number).command[1:] == ["-m", module]
