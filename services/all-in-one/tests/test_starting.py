"""What stands in the way of a start is told in a line, before anything is started."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from all_in_one.__main__ import main
from all_in_one.environment import free_ports, told_settings
from all_in_one.starting import already_running, claimed
from localservers.processes import ServerFailed
from servicekit.testing import eventually

PORT = "a port, a whole number from"
# Variable, value → what is said of it.
WRONG = [
    ("GUICHE_PORT", "abc", f"{PORT} 1 to 65535"),
    ("GUICHE_PORT", "99999", f"{PORT} 1 to 65535"),
    ("GUICHE_PORT", "0", f"{PORT} 1 to 65535"),
    ("GUICHE_PORT", "", f"{PORT} 1 to 65535"),
    ("GUICHE_SMTP_PORT", "-1", f"{PORT} 1 to 65535"),
    ("GUICHE_FIRST_WATCH_PORT", "x", f"{PORT} 1 to 65535"),
    ("GUICHE_SMTP_RELAY", "nonsense", "host:port, e.g. mail.example.com:25"),
    ("GUICHE_SMTP_RELAY", "mail.example.com:0", "host:port, e.g. mail.example.com:25"),
    ("GUICHE_SMTP_RELAY_TLS", "ssl", "'', 'none', 'starttls' or 'tls'"),
    ("GUICHE_LOG_LEVEL", "loud", "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    ("GUICHE_THREADS", "many", "a valid integer, unable to parse string as an integer"),
]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GUICHE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GUICHE_DATA", str(tmp_path))


@pytest.mark.parametrize("command", ["run", "up", "serve"])
@pytest.mark.parametrize(("name", "value", "rule"), WRONG)
def test_a_wrong_setting_ends_every_start_with_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: str,
    name: str,
    value: str,
    rule: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert main([command]) == 1
    assert capsys.readouterr().err == f"{name} must be {rule}.\n"
    assert not list(tmp_path.iterdir()), "nothing was begun"


def test_a_wrong_port_ends_the_sample_mail_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUICHE_SMTP_PORT", "abc")
    with pytest.raises(SystemExit, match=r"^GUICHE_SMTP_PORT must be a port, a whole number from 1 to 65535\.$"):
        main(["mail"])


@pytest.mark.parametrize(
    ("command", "settings", "said"),
    [
        (["gateway"], {"GUICHE_KEYS": "/nowhere", "GUICHE_PORT": "99999"}, f"GUICHE_PORT must be {PORT} 1 to 65535."),
        (
            ["mail", "send"],
            {"GUICHE_KEYS": "/nowhere", "GUICHE_SMTP_RELAY": "nonsense"},
            "GUICHE_MAIL_DATABASE_URL is not set.\nGUICHE_MAIL_FILES_URL is not set.\n"
            "GUICHE_SMTP_RELAY must be host:port, e.g. mail.example.com:25.",
        ),
    ],
)
def test_a_process_of_its_own_ends_with_a_line_for_each_wrong_setting(
    command: list[str], settings: dict[str, str], said: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr.strip()) == (1, said)


@contextmanager
def somebody_running(data: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    script = (
        "import sys; from pathlib import Path; from all_in_one.starting import claimed\n"
        "with claimed(Path(sys.argv[1]), 'Ctrl-C in its terminal'): print('claimed', flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "GUICHE_PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-c", script, str(data)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


@pytest.mark.parametrize("command", ["run", "up"])
def test_a_second_start_on_a_folder_says_at_once_that_guiche_runs_there_and_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    (port,) = free_ports(1)
    with somebody_running(tmp_path, port):
        for mine in (port, *free_ports(1)):
            monkeypatch.setenv("GUICHE_PORT", str(mine))
            assert main([command]) == 1
            said = f"Guichê already runs on {tmp_path}: http://localhost:{port}. Ctrl-C in its terminal stops it.\n"
            assert capsys.readouterr().err == said
        with pytest.raises(ServerFailed, match="already runs"), claimed(tmp_path, "`make down`"):
            pass


def test_a_folder_is_free_again_however_its_process_ended(tmp_path: Path) -> None:
    with somebody_running(tmp_path, 8080) as process:
        assert already_running(tmp_path)
        process.kill()
        eventually(lambda: not already_running(tmp_path))
    with claimed(tmp_path, "`make down`"):
        pass


def test_what_runs_on_a_folder_is_told_to_the_checker_for_as_long_as_it_runs(tmp_path: Path) -> None:
    with told_settings(tmp_path, {"GUICHE_KEYS": "x"}):
        assert (tmp_path / "settings.json").exists()
    assert not (tmp_path / "settings.json").exists()
