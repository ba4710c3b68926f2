"""`python -m localservers install`: what the tests need from Debian. A missing PostgreSQL comes in a wheel."""

# ruff: noqa: T201 -- a command's output.

import sys

from localservers import browser, packages, rabbitmq


def main(arguments: list[str]) -> int:
    if arguments != ["install"]:
        print("usage: python -m localservers install", file=sys.stderr)
        return 2
    try:
        print(f"rabbitmq-server: {rabbitmq.program()}")
        print(f"chromium: {browser.chromium()}")
        packages.ensure(*browser.FONTS)
        print(f"fonts: {', '.join(browser.FONTS)}")
    except packages.PackagesMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
