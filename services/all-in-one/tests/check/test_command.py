"""`guiche check` as it is called at night."""

import json
import os
from types import SimpleNamespace
from uuid import UUID

import pytest
from damage import ONE
from ticket_damages import NAMED

from all_in_one.__main__ import main
from all_in_one.environment import tell_settings
from servicekit.checks import tried
from servicekit.ids import new_id

# The house is built and lived in before the first of them, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(600)

QUICK = ["check", "--grace", "0", "--settle", "0"]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A house as the environment tells of it."""
    monkeypatch.setenv("GUICHE_DATA", str(tmp_path / "nothing runs here"))

    def tell(house) -> None:
        for name, value in house.settings.model_dump().items():
            monkeypatch.setenv(f"GUICHE_{name.upper()}", value)

    return tell


def test_what_is_in_order_ends_with_zero_and_says_so(lived_in, at, capsys) -> None:
    at(lived_in)
    assert main(QUICK) == 0
    said = capsys.readouterr().out
    assert "TOGETHER" in said
    assert said.rstrip().endswith("all are kept.")


def test_what_is_broken_ends_with_one_is_named_and_counted(copied, at, capsys) -> None:
    house = copied("ticket")
    ids = house.execute("ticket", "UPDATE tickets SET interactions = 99 RETURNING id")
    at(house)
    assert main([*QUICK, "--most", "3"]) == 1
    said = capsys.readouterr().out
    assert f"BROKEN: {len(ids)}" in said
    assert sum(id in said for id in ids) == 3
    assert f"… and {len(ids) - 3} more" in said
    assert "docs/runbooks/checker.md" in said


def test_programs_read_json(copied, at, capsys) -> None:
    house = copied("ticket")
    (id,) = house.execute(
        "ticket", "UPDATE tickets SET interactions = 99 WHERE id = (SELECT id FROM tickets LIMIT 1) RETURNING id"
    )
    at(house)
    assert main([*QUICK, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["kept"] is False
    (broken,) = (promise for promise in told["promises"] if promise["broken"])
    assert (broken["of"], broken["broken"], broken["findings"][0]["what"]) == ("ticket", 1, id)


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_where_no_broker_is_named_it_says_that_none_was_looked_at(lived_in, at, capsys, monkeypatch, words) -> None:
    at(lived_in)
    monkeypatch.delenv("GUICHE_RABBITMQ_URL")
    assert main([*QUICK, *words]) == 0
    assert "no broker, for GUICHE_RABBITMQ_URL is not set" in capsys.readouterr().out


def test_a_broker_that_is_named_is_not_left_out(lived_in, at, capsys, monkeypatch) -> None:
    at(lived_in)
    monkeypatch.setenv("GUICHE_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:1/")
    assert main(QUICK) == 2
    assert "no broker" not in capsys.readouterr().out


def test_a_database_that_is_away_ends_with_two_and_the_rest_is_looked_at(lived_in, at, capsys, monkeypatch) -> None:
    at(lived_in)
    monkeypatch.setenv("GUICHE_PUBLISHER_DATABASE_URL", "postgresql+psycopg://nobody:secret@127.0.0.1:1/nothing")
    assert main(QUICK) == 2
    said = capsys.readouterr().out
    assert "Could not look: OperationalError" in said
    assert "secret" not in said
    assert "No protocol is given twice" in said


def test_what_is_broken_outweighs_what_could_not_be_seen(copied, at, monkeypatch) -> None:
    house = copied("ticket")
    house.execute("ticket", "UPDATE tickets SET interactions = 99")
    at(house)
    monkeypatch.setenv("GUICHE_PUBLISHER_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    assert main(QUICK) == 1


def test_files_that_cannot_be_opened_end_with_two(lived_in, at, capsys, monkeypatch) -> None:
    at(lived_in)
    monkeypatch.setenv("GUICHE_MAIL_FILES_URL", "file:///nowhere/at/all")
    assert main(QUICK) == 2
    assert "Could not look" in capsys.readouterr().err


def test_where_nothing_runs_it_says_so_first_then_what_to_do(monkeypatch, tmp_path, capsys) -> None:
    for name in [name for name in os.environ if name.startswith("GUICHE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GUICHE_DATA", str(tmp_path))
    assert main(QUICK) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Nothing runs on {tmp_path}: start Guichê with `make run` or `make up`")
    assert "GUICHE_TICKET_DATABASE_URL" in said


def test_it_finds_by_itself_what_runs_on_the_data_folder(lived_in, monkeypatch, tmp_path) -> None:
    settings = {f"GUICHE_{name.upper()}": value for name, value in lived_in.settings.model_dump().items()}
    for name in settings:
        monkeypatch.delenv(name, raising=False)
    tell_settings(tmp_path, {**settings, "PATH": "/bin"})
    monkeypatch.setenv("GUICHE_DATA", str(tmp_path))
    assert main(QUICK) == 0
    told = tmp_path / "settings.json"
    assert told.stat().st_mode & 0o077 == 0, "passwords are in it"
    assert "PATH" not in json.loads(told.read_text())


def test_what_only_takes_room_counts_where_one_is_strict(copied, at) -> None:
    house = copied(files=True)
    organization = next(path for path in house.files.iterdir() if not path.name.startswith("."))
    (organization / "ab").mkdir(exist_ok=True)
    (organization / "ab" / "stray").write_bytes(b"x")
    at(house)
    assert main(QUICK) == 0
    assert main([*QUICK, "--strict"]) == 1


def test_findings_repeat_no_address() -> None:
    told = SimpleNamespace(attempts=2, last_error="550 5.1.1 <ana.silva@example.com>: unknown")
    assert tried(told) == "tried 2 times, last: 550 5.1.1 <…@…>: unknown"


def test_what_is_young_is_under_way(copied) -> None:
    house = copied("mail")
    house.execute("mail", "UPDATE raw_mails SET done_at = NULL, received_at = now()")
    late = "Every accepted mail is ingested in time"
    assert house.check(only=lambda promise: promise.words == late)
    assert not house.check(only=lambda promise: promise.words == late, grace=60)


def test_an_attendant_whose_announcement_may_be_on_its_way_is_no_finding(copied) -> None:
    house = copied("ticket")
    long_ago, also = ("01800000-0000-7000-8000-00000000000" + end for end in "12")
    house.execute("ticket", f"UPDATE tickets SET id = '{long_ago}' WHERE id = {ONE}")

    def found(holder_id: UUID | str) -> list[str]:
        house.execute("ticket", f"UPDATE tickets SET holder_id = '{holder_id}' WHERE id = '{long_ago}'")
        results = house.check(only=lambda promise: promise.words.startswith(NAMED), grace=60).values()
        return [finding.what for result in results for finding in result.findings]

    assert found(also) == [long_ago]
    assert found(new_id()) == []
