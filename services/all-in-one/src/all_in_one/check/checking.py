"""Looks at every promise, and a second time at those that seem broken: what is under way has moved on by then."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import text

from all_in_one.check.promises import Promise
from all_in_one.check.remembered import Remembered
from servicekit.checking import Finding, Look

# Of one promise, to be shown; all are counted.
MOST_KEPT = 1_000


@dataclass(slots=True)
class Result:
    """What was seen of one promise.

    broken: how many findings; findings: the first of them. unseen: why nobody could look, or not at all of it, or not
    a second time; then findings may be there that are not counted as broken. ended: by time.monotonic().
    """

    promise: Promise
    looked_at: int = 0
    broken: int = 0
    findings: list[Finding] = field(default_factory=list)
    unseen: str = ""
    seconds: float = 0.0
    ended: float = 0.0


def check(promises: Sequence[Promise], settle_seconds: float) -> list[Result]:
    away = {look: away_because(look) for promise in promises for look in promise.looks}
    first = [looked(promise, next(filter(None, map(away.get, promise.looks)), "")) for promise in promises]
    results = [result for result, _ in first]
    doubtful = [n for n, result in enumerate(results) if result.broken]
    # Those that rest longest come last, and what is looked at before is part of their rest.
    for n in sorted(doubtful, key=lambda n: promises[n].rest_seconds):
        result, remembered = first[n]
        rested = time.monotonic() - result.ended
        time.sleep(max(0.0, settle_seconds - rested, promises[n].rest_seconds - rested))
        results[n] = confirmed(result, look_at(promises[n], only=remembered.__contains__))
    for _, remembered in first:
        remembered.close()
    return results


def away_because(look: Look) -> str:
    """Asked once, since each check would wait for the same server; empty where it answers."""
    try:
        with look.snapshot() as connection:
            connection.execute(text("SELECT 1"))
    except Exception as error:
        return reason(error)
    return ""


def reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]


def looked(promise: Promise, away: str) -> tuple[Result, Remembered]:
    """And all that was found. away: why nobody can look."""
    remembered = Remembered()
    if away:
        return Result(promise, unseen=away), remembered

    def keep(finding: Finding) -> bool:
        remembered.add(finding)
        return True

    return look_at(promise, keep), remembered


def look_at(promise: Promise, only: Callable[[Finding], bool] = lambda finding: True) -> Result:
    """only: the findings that count."""
    for counter in promise.counters:
        counter.seen = 0
    result, began = Result(promise), time.monotonic()
    try:
        for finding in filter(only, promise.find()):
            result.broken += 1
            if result.broken <= MOST_KEPT:
                result.findings.append(finding)
    except Exception as error:
        # Whatever it is: the other promises are worth a look all the same.
        result.unseen = reason(error)
    result.looked_at = sum(counter.seen for counter in promise.counters)
    result.ended = time.monotonic()
    result.seconds = result.ended - began
    return result


def confirmed(first: Result, second: Result) -> Result:
    """What was found both times, in the words of the second.

    Where either look was cut short, what it has missed is neither kept nor broken, and that is said; if nothing was
    found again by then, what was found at first is shown.
    """
    seconds = first.seconds + second.seconds
    if second.unseen and not second.broken:
        unseen = f"{first.broken} findings could not be looked at again: {second.unseen}"
        return replace(first, broken=0, unseen=unseen, seconds=seconds)
    return replace(second, unseen=second.unseen or first.unseen, seconds=seconds)
