from collections.abc import Callable
from pathlib import Path

import pytest

from mail.parsing.message import parse
from mail.parsing.model import Limits, ParsedMail

Parse = Callable[..., ParsedMail]
DEFAULT = Limits()


@pytest.fixture(name="parse")
def parse_in_this_process(tmp_path: Path) -> Parse:
    """`parse(raw, limits)`, with the attachments in the test's folder."""

    def parsed(raw: bytes, limits: Limits = DEFAULT) -> ParsedMail:
        return parse(raw, tmp_path, limits)

    return parsed


@pytest.fixture(scope="session")
def samples() -> Path:
    return Path(__file__).parent.parent / "samples"
