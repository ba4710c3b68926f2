"""What every test that breaks something ends with: the checker finds nothing."""

import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from all_in_one.check.command import checked, read_settings
from all_in_one.check.promises import promises
from all_in_one.check.report import broken, table
from all_in_one.check.settings import CheckSettings
from all_in_one.environment import OWNERS
from servicekit.checking import Look


def assert_in_order(data: Path, seconds: float = 60.0, grace: float = 0.0) -> None:
    """Once all that was under way has ended, which may take so long. data: the folder the system runs on."""
    deadline = time.monotonic() + seconds
    settings = read_settings(data)
    while True:
        results = checked(settings, grace, settle=0.5)
        found = [result for result in results if broken(result) or result.unseen]
        # What the checker saw moving, it takes for kept; where it moved to, it had perhaps looked before.
        doubts = [] if found else doubted(settings, grace)
        if not found and not doubts:
            return
        assert time.monotonic() < deadline, "\n".join([*table(found, most=5), *doubts[:20]])


def doubted(settings: CheckSettings, grace: float) -> list[str]:
    """What a single look at everything does not find kept, also where it is only under way."""
    with ExitStack() as stack:
        looks = {owner: Look(settings.database_url(owner), timedelta(seconds=grace)) for owner in OWNERS}
        for look in looks.values():
            stack.callback(look.close)
        return [
            f"{promise.words}: {finding.what} {finding.words}"
            for promise in promises(settings, looks, hashing=False)
            if not promise.leftover
            for finding in promise.find()
        ]
