"""Writes packages/<image>.txt, what each image holds of other people's, after a change of a package's dependencies.

The names are found by following requirements in the environment that requirements.lock has made.
"""

from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OWNERS = ("mail", "publisher", "routing", "ticket")
SERVICES = ("gateway", *OWNERS)
# Whose packages each image holds. The checker's has the code of those that own something (code.sh).
HOLDS = {**{service: (service,) for service in SERVICES}, "checker": OWNERS}
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


def text(image: str) -> str:
    names = {name for service in HOLDS[image] for name in needed(service)}
    return "".join(f"{name}\n" for name in sorted(names))


def main() -> None:
    for image in HOLDS:
        (FOLDER / f"{image}.txt").write_text(text(image))


if __name__ == "__main__":
    main()
