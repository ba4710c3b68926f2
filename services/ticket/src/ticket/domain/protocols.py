"""The public numbers of tickets."""

from datetime import datetime
from random import randrange
from zoneinfo import ZoneInfo


def candidate(now: datetime, time_zone: str, attempt: int) -> str:
    """A number that may be free (Q8): the organization's local date and time to the millisecond.

    The first attempts take the millisecond itself and those after it, as long as that stays the same day. Later ones
    take nine digits that no time of day has (240000000 and up), so that any number of openings in one millisecond, on
    any number of replicas, end within a few attempts, still under the right date.
    """
    local = now.astimezone(ZoneInfo(time_zone))
    clock = (local.hour * 10_000 + local.minute * 100 + local.second) * 1000 + local.microsecond // 1000
    if attempt < 3 and clock % 1000 + attempt < 1000:
        return f"{local:%Y%m%d}{clock + attempt:09d}"
    return f"{local:%Y%m%d}{randrange(240_000_000, 1_000_000_000):09d}"  # noqa: S311  # spread, not secrecy
