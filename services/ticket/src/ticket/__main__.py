"""`python -m ticket migrate | api | worker | republish | verbs | inbox …`"""

import argparse

from servicekit.cli import main
from ticket.config import TicketSettings
from ticket.domain.drawing import drawn
from ticket.main import build


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verbs = subparsers.add_parser("verbs", help="draw the table of verbs, as VERBS.md has it")
    verbs.set_defaults(act=lambda *_: print(drawn(), end=""))  # noqa: T201  # the answer of a command


if __name__ == "__main__":
    main("ticket", TicketSettings, lambda settings: settings.ticket_database_url, build, own=add_commands)
