"""Whatever is sent, the answer is one the document describes, and never a 500."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from gateway import openapi
from gateway.testing import Running, World, keys_in, neighbours, serving, settings_for

SCHEMA = schemathesis.openapi.from_path(openapi.TARGET)
# Streams last until the token ends; test_push.py has them.
OPERATIONS = SCHEMA.exclude(path="/api/v1/events")


@pytest.fixture(scope="module")
def conforming_world(keys_folder: Path) -> World:
    """A world of its own, since these tests run many requests within one test."""
    world = World(keys_in(keys_folder))
    ticket = world.add_ticket()
    world.tickets["0197b000-0000-7000-8000-000000000001"] = ticket
    return world


@pytest.fixture(scope="module")
def conforming(keys_folder: Path, conforming_world: World) -> Iterator[Running]:
    with (
        neighbours(conforming_world) as addresses,
        serving(settings_for(keys_folder, address_rate=0, attendant_rate=0, **addresses)) as running,
    ):
        yield running


@OPERATIONS.parametrize()
@hypothesis.settings(
    max_examples=20,
    deadline=None,
    # The same requests in every run: what is found today must not break somebody else's work tomorrow.
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_every_operation_keeps_to_the_document(case: Any, conforming: Running, conforming_world: World) -> None:
    headers = conforming_world.headers(str(uuid4()))
    response = case.call(base_url=conforming.url, headers=headers)
    # That a header and the body's field of the same meaning must agree is more than a schema can say.
    contradicts = response.status_code == 400 and "differ." in response.text
    case.validate_response(response, excluded_checks=[positive_data_acceptance] if contradicts else [])
    assert response.status_code != 500
