"""Looks at every promise, and a second time at those that seem broken: what is under way has moved on by then."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from all_in_one.check.promises import Promise
from servicekit.checking import Finding, Look

# Kept of one promise to be compared with the second look; where more is broken, nothing is merely under way.
MOST_KEPT = 1_000


@dataclass(slots=True)
class Result:
    """What was seen of one promise.

    broken: how many findings; findings: the first of them. unseen: why nobody could look; empty where somebody has.
    """

    promise: Promise
    looked_at: int = 0
    broken: int = 0
    findings: list[Finding] = field(default_factory=list)
    unseen: str = ""
    seconds: float = 0.0


def check(promises: Sequence[Promise], settle_seconds: float) -> list[Result]:
    away = {look: away_because(look) for promise in promises for look in promise.looks}
    results = [look_at(promise, next(filter(None, map(away.get, promise.looks)), "")) for promise in promises]
    doubtful = [n for n, result in enumerate(results) if 0 < result.broken <= MOST_KEPT]
    if doubtful:
        time.sleep(settle_seconds)
    for n in doubtful:
        results[n] = confirmed(results[n], look_at(promises[n]))
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


def look_at(promise: Promise, away: str = "") -> Result:
    """away: why nobody can look."""
    if away:
        return Result(promise, unseen=away)
    for look in promise.looks:
        look.seen = 0
    result, began = Result(promise), time.monotonic()
    try:
        for finding in promise.find():
            result.broken += 1
            if result.broken <= MOST_KEPT:
                result.findings.append(finding)
    except Exception as error:
        # Whatever it is: the other promises are worth a look all the same.
        result.unseen = reason(error)
    result.looked_at = sum(look.seen for look in promise.looks)
    result.seconds = time.monotonic() - began
    return result


def confirmed(first: Result, second: Result) -> Result:
    """What was found both times, in the words of the second; where nobody could look again, what was found at first."""
    if second.unseen:
        return first
    before = {finding.what for finding in first.findings}
    second.findings = [finding for finding in second.findings if finding.what in before]
    second.broken = len(second.findings)
    second.seconds += first.seconds
    return second
