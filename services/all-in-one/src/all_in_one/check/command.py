"""`python -m all_in_one check`, or `guiche check`: whether a running installation keeps its promises."""

# ruff: noqa: T201 -- a command's output.

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from pydantic import ValidationError

from all_in_one.check.checking import Result, check
from all_in_one.check.promises import Promise, left_out, promises
from all_in_one.check.report import broken, document, table
from all_in_one.check.settings import CheckSettings
from all_in_one.environment import OWNERS, SETTINGS_FILE
from servicekit.checking import Look
from servicekit.config import variable_of

KEPT, BROKEN, UNSEEN = 0, 1, 2


def run(data: Path, words: Sequence[str]) -> int:
    asked = parser().parse_args(words)
    try:
        settings = read_settings(data)
        results = checked(settings, asked.grace, asked.settle, hashing=asked.files == "hash")
    except ValidationError as error:
        missing = ", ".join(variable_of("_".join(map(str, one["loc"]))) for one in error.errors())
        start = f"Nothing runs on {data}: start Guichê with `make run` or `make up`, or choose a folder by GUICHE_DATA."
        print(start, f"To look at an installation elsewhere, set {missing}.", sep="\n", file=sys.stderr)
        return UNSEEN
    except Exception as error:
        # A store that cannot be opened, a server address that is none: whatever it is, nobody has looked.
        print(f"Could not look: {type(error).__name__}: {error}", file=sys.stderr)
        return UNSEEN
    out = left_out(settings)
    lines = [document(results, asked.most, out)] if asked.json else table(results, asked.most, out)
    print("\n".join(lines))
    return status(results, strict=asked.strict)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="guiche check",
        description="Reads the live databases, queues and files and says which promises are broken. Writes nothing.",
        epilog=f"Ends with {KEPT} where all are kept, {BROKEN} where one is broken, {UNSEEN} where it could not look.",
    )
    made.add_argument("--grace", type=float, default=300, metavar="SECONDS", help="what is younger is under way (300)")
    made.add_argument(
        "--settle", type=float, default=10, metavar="SECONDS", help="before what seems broken is looked at again (10)"
    )
    made.add_argument(
        "--files", choices=("hash", "exist"), default="hash", help="read all files, or only see that they are there"
    )
    made.add_argument("--most", type=int, default=20, metavar="N", help="findings shown of each promise (20)")
    made.add_argument("--json", action="store_true", help="for programs")
    made.add_argument("--strict", action="store_true", help="also what only takes room counts as broken")
    return made


def read_settings(data: Path) -> CheckSettings:
    """From the environment, as the services; what it lacks, from what runs on the data folder."""
    file = data / SETTINGS_FILE
    running: Mapping[str, str] = json.loads(file.read_text()) if file.exists() else {}
    names = CheckSettings.model_fields
    known = {**running, **os.environ}
    return CheckSettings.model_validate({name: known[key] for name in names if (key := variable_of(name)) in known})


def checked(
    settings: CheckSettings,
    grace: float,
    settle: float,
    *,
    hashing: bool = True,
    only: Callable[[Promise], bool] = lambda promise: True,
) -> list[Result]:
    """grace, settle: seconds. only: the promises to look at."""
    with ExitStack() as stack:
        looks = {owner: Look(settings.database_url(owner), timedelta(seconds=grace)) for owner in OWNERS}
        for look in looks.values():
            stack.callback(look.close)
        return check([promise for promise in promises(settings, looks, hashing=hashing) if only(promise)], settle)


def status(results: Sequence[Result], *, strict: bool = False) -> int:
    """What is broken is certain, whatever could not be looked at besides."""
    if any(broken(result) or (strict and result.broken) for result in results):
        return BROKEN
    return UNSEEN if any(result.unseen for result in results) else KEPT
