"""What the machine lacks, for the makefile. A missing PostgreSQL needs no command: it comes in a wheel.

python -m localservers install      what the tests need from Debian
python -m localservers npm …        npm with the Node.js of `node()`
"""

# ruff: noqa: T201 -- a command's output.

import os
import subprocess
import sys

from localservers import browser, packages, rabbitmq
from localservers.node import NodeMissing, node, npm


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["install"]:
                install()
            case ["npm", *rest]:
                return run_npm(rest)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (packages.PackagesMissing, NodeMissing) as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


def install() -> None:
    print(f"rabbitmq-server: {rabbitmq.program()}")
    print(f"chromium: {browser.chromium()}")
    packages.ensure(*browser.FONTS)
    print(f"fonts: {', '.join(browser.FONTS)}")


def run_npm(arguments: list[str]) -> int:
    """The scripts that npm runs find the same Node.js, on PATH."""
    path = f"{node().parent}:{os.environ.get('PATH', os.defpath)}"
    return subprocess.run([*npm(), *arguments], check=False, env={**os.environ, "PATH": path}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
