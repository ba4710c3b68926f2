"""The images hold what they should, and the chart's pods are a Guichê in which a conversation works from end to end."""

import os
import subprocess
import sys

import images
import pytest
from cluster import Installation
from correspondent import Correspondent
from engine import CommandFailed, Podman
from image_packages import HOLDS, SERVICES

E2E = images.ROOT / "tests" / "e2e"
every_image = pytest.mark.parametrize("image", images.IMAGES)
RESTRICTED = ("--read-only", "--cap-drop", "all", "--network", "none")


@pytest.mark.timeout(1200)
@every_image
def test_an_image_knows_its_commands_without_writing_and_without_rights(
    engine: Podman, built: dict[str, str], image: str
) -> None:
    if image == "checker":
        assert "usage: guiche check" in engine("run", "--rm", *RESTRICTED, built[image], "all_in_one.checker", "--help")
    elif image != "gateway":
        assert "usage: python -m" in engine("run", "--rm", *RESTRICTED, built[image], image, "--help")
    with pytest.raises(CommandFailed):
        engine("run", "--rm", *RESTRICTED, built[image], "all_in_one")


@pytest.mark.timeout(1200)
@every_image
def test_an_image_runs_as_somebody_without_rights_and_owns_nothing(
    engine: Podman, built: dict[str, str], image: str
) -> None:
    shell = ("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", built[image], "-c")
    assert engine(*shell, "id -u") == "10001"
    assert engine(*shell, "find /opt /app /usr /etc -user 10001 -o -perm -o+w -not -type l | head") == ""
    others = set(SERVICES) - set(HOLDS[image])
    assert not others & set(engine(*shell, "ls /app").split())
    assert engine(*shell, "ls /app/web/dist 2>/dev/null | grep -c index.html || true") == (
        "1" if image == "gateway" else "0"
    )


@pytest.mark.timeout(1800)
def test_a_conversation_works_from_end_to_end(installation: Installation) -> None:
    """tests/e2e's own walk: a mail, its acknowledgement, the reply, the customer's answers, a new ticket linked."""
    walk = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(E2E / "test_conversation.py")],
        check=False,
        cwd=images.ROOT,
        env={**os.environ, "GUICHE_E2E_INSTALLATION": str(installation.told)},
        capture_output=True,
        text=True,
    )
    assert walk.returncode == 0, walk.stdout[-8000:]
    assert " passed" in walk.stdout


def test_every_pod_tells_what_it_measures(installation: Installation) -> None:
    for pods in installation.cluster.pods.values():
        for pod in pods:
            assert pod.probe("livenessProbe"), pod.name


@pytest.mark.timeout(600)
def test_the_checkers_pod_finds_every_promise_kept_and_a_file_that_is_gone(
    installation: Installation, customers: Correspondent
) -> None:
    code, said = installation.cluster.run_now("guiche-checker")
    assert code == 0, said
    file = next(path for path in sorted(installation.files.glob("*/*/*")))
    file.rename(installation.files / "gone")
    try:
        code, said = installation.cluster.run_now("guiche-checker")
    finally:
        (installation.files / "gone").rename(file)
    assert code == 1, said
    assert file.name in said
    assert "is missing from the store" in said
