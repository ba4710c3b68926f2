"""The public numbers of tickets."""

from datetime import datetime, timedelta
from random import randrange
from zoneinfo import ZoneInfo

# How far after its opening a number may name its time: hardly more than what passed anyway until it was written down.
SPREAD_MS = 300


def candidate(now: datetime, time_zone: str, later_ms: int) -> str:
    """A number that may be free (Q8): the organization's local date and time to the millisecond, some of them later.

    Beyond SPREAD_MS, or past midnight, come nine digits that no time of day has (240000000 and up), so that any number
    of openings in one millisecond, on any number of replicas, end within a few attempts, still under the right date.
    """
    day = f"{now.astimezone(ZoneInfo(time_zone)):%Y%m%d}"
    time = (now + timedelta(milliseconds=later_ms)).astimezone(ZoneInfo(time_zone))
    if later_ms < SPREAD_MS and f"{time:%Y%m%d}" == day:
        return f"{time:%Y%m%d%H%M%S}{time.microsecond // 1000:03d}"
    return f"{day}{randrange(240_000_000, 1_000_000_000):09d}"  # noqa: S311  # spread, not secrecy
