"""What was found, for people and for programs."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from all_in_one.check.checking import Result

WIDTH = 78


def broken(result: Result) -> bool:
    return result.broken > 0 and not result.promise.leftover


def table(results: Sequence[Result], most: int, left_out: Sequence[str] = ()) -> Iterator[str]:
    """Line by line. most: findings shown of one promise. left_out: what was not to be looked at."""
    of = ""
    for result in results:
        if result.promise.of != of:
            of = result.promise.of
            yield from ("", of.upper())
        yield f"  {result.promise.words:<{WIDTH}} {number(result.looked_at):>9} seen   {verdict(result)}"
        for finding in result.findings[:most]:
            yield f"      {finding.what}  {finding.words}"
        if result.broken > most:
            yield f"      … and {number(result.broken - most)} more"
    yield ""
    for reason in dict.fromkeys(result.unseen for result in results if result.unseen):
        yield f"Could not look: {reason}"
    yield summary(results, left_out)


def verdict(result: Result) -> str:
    if not result.broken:
        return "could not look" if result.unseen else "kept"
    found = f"{number(result.broken)} left over" if result.promise.leftover else f"BROKEN: {number(result.broken)}"
    return f"{found}, and could not look further" if result.unseen else found


def summary(results: Sequence[Result], left_out: Sequence[str]) -> str:
    bad, unseen = [r for r in results if broken(r)], [r for r in results if r.unseen]
    left = sum(r.broken for r in results if r.promise.leftover)
    words = [f"{len(results)} promises looked at in {sum(r.seconds for r in results):.1f} s"]
    words += [f"{len(bad)} BROKEN ({number(sum(r.broken for r in bad))} findings)"] if bad else []
    words += [f"{len(unseen)} could not be looked at"] if unseen else []
    words += [f"{number(left)} things left over, which only take room"] if left else []
    words += left_out
    words += [] if bad or unseen else ["all are kept"]
    guide = ["What each finding means and what to do: docs/runbooks/checker.md"] if bad or unseen else []
    return "\n".join([f"{'; '.join(words)}.", *guide])


def number(value: int) -> str:
    return f"{value:,}".replace(",", " ")


def document(results: Sequence[Result], most: int, left_out: Sequence[str]) -> str:
    """JSON: {"kept": whether all are, "leftOut": [what was not to be looked at], "promises": [{of, promise, seen,
    broken, leftover, couldNotLook, findings}]}."""
    promises: list[dict[str, Any]] = [
        {
            "of": result.promise.of,
            "promise": result.promise.words,
            "seen": result.looked_at,
            "broken": result.broken,
            "leftover": result.promise.leftover,
            "couldNotLook": result.unseen,
            "findings": [{"what": finding.what, "words": finding.words} for finding in result.findings[:most]],
        }
        for result in results
    ]
    kept = not any(broken(result) or result.unseen for result in results)
    return json.dumps({"kept": kept, "leftOut": list(left_out), "promises": promises}, indent=1)
