"""Commands of operators: accounts and quarantine."""

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import TypeAlias
from uuid import UUID

from mail.config import MailSettings
from mail.domain import Account, normal_address
from mail.files import Files
from mail.handlers.deliveries import DeliveryNotEnded, resend
from mail.storage import accounts, deliveries, raw_mails
from servicekit.database import Database
from servicekit.ids import new_id

MOST_LISTED = 1_000

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Act = Callable[[argparse.Namespace, MailSettings], None]


def add_commands(subparsers: Subparsers) -> None:
    """account add | list, quarantine list | retry | raw, undelivered list | resend."""
    account = subparsers.add_parser("account", help="mailboxes that mail is accepted for")
    actions = account.add_subparsers(required=True, metavar="ACTION")
    add = action(actions, "add", "accept mail for an address", add_account)
    add.add_argument("address")
    add.add_argument("--organization", type=UUID, required=True, metavar="ID")
    add.add_argument("--id", type=UUID, default=None)
    add.add_argument("--name", default="")
    action(actions, "list", "all, one a line: id, organization, address, name", list_accounts)

    quarantine = subparsers.add_parser("quarantine", help="mails that could not be ingested")
    actions = quarantine.add_subparsers(required=True, metavar="ACTION")
    action(actions, "list", f"the newest {MOST_LISTED}: id, received, mailbox, bytes, reason", list_quarantine)
    action(actions, "retry", "ingest one as if it were new", retry).add_argument("id", type=UUID)
    action(actions, "raw", "the mail as it was received, to the standard output", raw).add_argument("id", type=UUID)

    undelivered = subparsers.add_parser("undelivered", help="mails that did not leave, or of which that is unknown")
    actions = undelivered.add_subparsers(required=True, metavar="ACTION")
    help_text = f"the latest {MOST_LISTED}: id, state, since, protocol, kind, the server's words"
    action(actions, "list", help_text, list_undelivered)
    action(actions, "resend", "send one again", resend_one).add_argument("id", type=UUID)


def action(actions: Subparsers, name: str, help_text: str, act: Act) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help_text)
    parser.set_defaults(act=act)
    return parser


def add_account(asked: argparse.Namespace, settings: MailSettings) -> None:
    if "+" in asked.address.rpartition("@")[0]:
        raise SystemExit(f"{asked.address} has a plus: what stands after it belongs to the mailbox before it")
    wanted = Account(asked.id or new_id(), asked.organization, normal_address(asked.address), asked.name)
    with Database(settings.mail_database_url, pool=1).transaction() as connection:
        kept = accounts.add(connection, wanted)
    if kept.organization_id != wanted.organization_id or asked.id not in (None, kept.id):
        raise SystemExit(f"{kept.address} is account {kept.id} of organization {kept.organization_id} already")
    print_lines([account_line(kept)])


def list_accounts(_asked: argparse.Namespace, settings: MailSettings) -> None:
    with Database(settings.mail_database_url, pool=1).transaction() as connection:
        found = accounts.listed(connection)
    print_lines(account_line(account) for account in found)


def account_line(account: Account) -> str:
    return f"{account.id}  {account.organization_id}  {account.address}  {account.name}".rstrip()


def list_quarantine(_asked: argparse.Namespace, settings: MailSettings) -> None:
    with Database(settings.mail_database_url, pool=1).transaction() as connection:
        found = raw_mails.quarantined(connection, MOST_LISTED)
    print_lines(
        f"{row.id}  {row.received_at.isoformat()}  {row.recipient}  {row.size}  {row.last_error}" for row in found
    )


def retry(asked: argparse.Namespace, settings: MailSettings) -> None:
    with Database(settings.mail_database_url, pool=1).transaction() as connection:
        if not raw_mails.release(connection, asked.id):
            raise SystemExit(f"{asked.id} is not in quarantine")


def list_undelivered(_asked: argparse.Namespace, settings: MailSettings) -> None:
    with Database(settings.mail_database_url, pool=1).transaction() as connection:
        found = deliveries.undelivered(connection, MOST_LISTED)
    print_lines(
        f"{row.id}  {row.delivery_state}  {row.delivery_at.isoformat()}  {row.protocol or '-'}"
        f"  {row.automatic or 'reply'}  {row.delivery_detail}"
        for row in found
    )


def resend_one(asked: argparse.Namespace, settings: MailSettings) -> None:
    database = Database(settings.mail_database_url, pool=1)
    try:
        with database.transaction() as connection:
            resend(connection, asked.id)
    except DeliveryNotEnded as error:
        raise SystemExit(error.detail) from error
    finally:
        database.close()


def raw(asked: argparse.Namespace, settings: MailSettings) -> None:
    with Database(settings.mail_database_url, pool=1).transaction() as connection:
        found = raw_mails.find(connection, asked.id)
    if found is None:
        raise SystemExit(f"there is no mail {asked.id}")
    for chunk in Files(settings.mail_files_url).chunks(found.file_key):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def print_lines(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
