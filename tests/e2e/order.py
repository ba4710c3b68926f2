"""What every test that breaks something ends with: the checker finds nothing."""

import time
from pathlib import Path

from all_in_one.check.command import checked, read_settings
from all_in_one.check.report import broken, table


def assert_in_order(data: Path, seconds: float = 60.0, grace: float = 0.0) -> None:
    """Once all that was under way has ended, which may take so long. data: the folder the system runs on."""
    deadline = time.monotonic() + seconds
    while True:
        results = checked(read_settings(data), grace, settle=0.5)
        found = [result for result in results if broken(result) or result.unseen]
        if not found:
            return
        assert time.monotonic() < deadline, "\n".join(table(found, most=5))
