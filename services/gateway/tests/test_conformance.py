"""Whatever is sent, the answer is one the document describes, and never a 500."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from gateway import openapi
from gateway.testing import Running, World, keys_in, neighbours, serving, settings_for

SCHEMA = schemathesis.openapi.from_path(openapi.TARGET)
# Streams last until the token ends; test_push.py has them.
OPERATIONS = SCHEMA.exclude(path="/api/v1/events")
# A header and the body's field of the same meaning must agree, one of both must be there, and names are percent-encoded
# UTF-8 of which the characters count.
MORE_THAN_A_SCHEMA_SAYS = ("differ.", "/etag", '"X-File-Name"')


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
    more = any(words in response.text for words in MORE_THAN_A_SCHEMA_SAYS)
    # What is too large is refused before it is read.
    unread = response.status_code == 413
    checks = [positive_data_acceptance] * (more and response.status_code == 400) + [negative_data_rejection] * unread
    case.validate_response(response, excluded_checks=checks)
    assert response.status_code != 500
