"""Writes packages/<service>.txt, what each image holds of other people's, after a change of a package's dependencies.

The names are found by following requirements in the environment that requirements.lock has made.
"""

from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SERVICES = ("gateway", "mail", "publisher", "routing", "ticket")
FOLDER = Path(__file__).parent / "packages"
OURS = "guiche-"


def needed(service: str) -> set[str]:
    """Names of all packages that guiche-<service> needs, directly or not, on this platform; without our own."""
    found: set[tuple[str, str]] = set()
    follow(f"{OURS}{service}", "", found)
    return {name for name, _ in found if not name.startswith(OURS)}


def follow(name: str, extra: str, found: set[tuple[str, str]]) -> None:
    """Adds (name, extra) and all that it requires."""
    if (name, extra) in found:
        return
    found.add((name, extra))
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            for wanted in ("", *requirement.extras):
                follow(canonicalize_name(requirement.name), wanted, found)


def text(service: str) -> str:
    return "".join(f"{name}\n" for name in sorted(needed(service)))


def main() -> None:
    for service in SERVICES:
        (FOLDER / f"{service}.txt").write_text(text(service))


if __name__ == "__main__":
    main()
