"""`python -m mail migrate | receiver | ingest | send | scheduler | api | worker`, and commands of operators."""

from mail.commands import add_commands
from mail.config import MailSettings
from mail.main import build
from servicekit.cli import main

PROCESSES = ("receiver", "ingest", "send", "scheduler")

if __name__ == "__main__":
    main("mail", MailSettings, lambda settings: settings.mail_database_url, build, PROCESSES, add_commands)
