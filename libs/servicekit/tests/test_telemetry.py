"""What stands in a log."""

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from servicekit import telemetry


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    before = structlog.get_config()
    file = io.StringIO()
    telemetry.start("sample", "", "info", file)
    yield file
    structlog.configure(**before)


def test_an_exception_is_logged_whole_but_for_what_its_variables_held(written: io.StringIO) -> None:
    def fail(authorization: str) -> None:
        raise ValueError("no such ticket")

    try:
        fail("Bearer " + "secret" * 3)
    except ValueError:
        telemetry.log("sample").exception("call_failed", method="/x")
    line = json.loads(written.getvalue())
    assert (line["event"], line["exception"][0]["exc_value"]) == ("call_failed", "no such ticket")
    assert [frame["name"] for frame in line["exception"][0]["frames"]][-1] == "fail"
    assert "secretsecret" not in written.getvalue()
