"""The service's own commands, until there is administration over HTTP. Each prints one JSON line per fact."""

import argparse
import getpass
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table

from routing.config import RoutingSettings
from routing.domain.accounts import MAX_PASSWORD, MIN_PASSWORD
from routing.domain.directory import ROLES, RoleOf
from routing.handlers import directory, occurrences, rules
from routing.handlers.passwords import Passwords
from routing.storage import occurrences as stored
from routing.storage.tables import ATTENDANTS, DEPARTMENTS, LEVELS, ORGANIZATIONS
from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.events.commands import show

Asked = argparse.Namespace
# What there is to print: the id of what was made, or facts.
Answer = UUID | list[dict[str, Any]] | None
# Does what was asked within one transaction.
Act = Callable[[Connection, Asked], Answer]
Subparsers = argparse._SubParsersAction


def add_commands(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    things = {
        name: subparsers.add_parser(name, help=help_text).add_subparsers(required=True, metavar="ACTION")
        for name, help_text in (
            ("organization", "add or rename an organization"),
            ("project", "add a project"),
            ("department", "add or rename a department"),
            ("level", "add or rename a level"),
            ("attendant", "add or change an attendant"),
            ("rule", "say where what arrives on an account opens tickets"),
            ("occurrence", "occurrences that were given up, or wait for a rule"),
        )
    }
    add = things["organization"].add_parser("add")
    add.add_argument("name")
    add.add_argument("--time-zone", default="America/Sao_Paulo")
    does(add, lambda c, asked: directory.add_organization(c, asked.name, asked.time_zone))
    add = things["project"].add_parser("add")
    arguments(add, organization_id=UUID, name=str)
    does(add, lambda c, asked: directory.add_project(c, asked.organization_id, asked.name))
    add = things["department"].add_parser("add")
    arguments(add, project_id=UUID, name=str)
    does(add, lambda c, asked: directory.add_department(c, asked.project_id, asked.name))
    add = things["level"].add_parser("add")
    arguments(add, department_id=UUID, name=str)
    add.add_argument("--position", type=int, default=0, help="from 1; by default after the last")
    does(add, lambda c, asked: directory.add_level(c, asked.department_id, asked.name, asked.position))
    tables = (
        ("organization", ORGANIZATIONS),
        ("department", DEPARTMENTS),
        ("level", LEVELS),
        ("attendant", ATTENDANTS),
    )
    for name, table in tables:
        add_rename(things[name], table)
    acknowledge = things["department"].add_parser("acknowledge", help="what customers are told when a ticket opens")
    arguments(acknowledge, id=UUID, words=str)
    does(acknowledge, lambda c, asked: directory.set_acknowledgement(c, asked.id, asked.words))
    accounts = things["level"].add_parser("accounts", help="replace the further accounts its members answer with")
    arguments(accounts, id=UUID)
    accounts.add_argument("account_ids", type=UUID, nargs="*", metavar="ACCOUNT_ID")
    does(accounts, lambda c, asked: directory.set_level_accounts(c, asked.id, asked.account_ids))
    add_attendant_commands(things["attendant"])
    add = things["rule"].add_parser("add")
    arguments(add, organization_id=UUID, account_id=UUID, level_id=UUID)
    add.add_argument("--priority", choices=rules.PRIORITIES, default="MEDIUM")
    add.add_argument("--position", type=int, default=1, help="of several rules of an account the first wins")
    does(add, add_rule)
    add_occurrence_commands(things["occurrence"])


def add_rename(actions: "Subparsers[argparse.ArgumentParser]", table: Table) -> None:
    rename = actions.add_parser("rename")
    arguments(rename, id=UUID, name=str)
    rename.set_defaults(table=table)
    does(rename, rename_thing)


def add_attendant_commands(actions: "Subparsers[argparse.ArgumentParser]") -> None:
    add = actions.add_parser("add", help="the password is read from the terminal or from standard input")
    arguments(add, organization_id=UUID, name=str, username=str, email=str)
    links(add)
    add.set_defaults(act=add_attendant)
    password = actions.add_parser("password", help="set a new one; ends the attendant's sessions")
    password.add_argument("username")
    password.set_defaults(act=set_password)
    for name, active in (("activate", True), ("deactivate", False)):
        switch = actions.add_parser(name)
        switch.add_argument("username")
        switch.set_defaults(active=active)
        does(switch, switch_attendant)
    link = actions.add_parser("link", help="replace all levels and roles by these")
    link.add_argument("username")
    links(link)
    does(link, relink)


def add_occurrence_commands(actions: "Subparsers[argparse.ArgumentParser]") -> None:
    does(actions.add_parser("failed", help="list those given up"), list_failed)
    redrive = actions.add_parser("redrive", help="route once more")
    which = redrive.add_mutually_exclusive_group(required=True)
    which.add_argument("--id", action="append", type=UUID, dest="ids", metavar="ID")
    which.add_argument("--all", action="store_true", help="all given up")
    which.add_argument("--waiting", action="store_true", help="all for which there was no rule")
    does(redrive, redrive_occurrences)


def arguments(parser: argparse.ArgumentParser, **types: type) -> None:
    for name, kind in types.items():
        parser.add_argument(name, type=kind)


def links(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--level", action="append", type=UUID, default=[], dest="level_ids", metavar="LEVEL_ID")
    help_text = f"{', '.join(ROLES)}; without department: in the whole organization"
    parser.add_argument(
        "--role", action="append", type=role, default=[], metavar="ROLE[:DEPARTMENT_ID]", help=help_text
    )


def role(word: str) -> RoleOf:
    name, _, department = word.partition(":")
    if name not in ROLES:
        raise ValueError(name)
    return RoleOf(name, UUID(department) if department else None)


def does(parser: argparse.ArgumentParser, act: Act) -> None:
    parser.set_defaults(act=lambda asked, settings: perform(settings, lambda connection: act(connection, asked)))


def perform(settings: RoutingSettings, act: Callable[[Connection], Answer]) -> None:
    """In one transaction; what is refused is said in one line, with the exit status 1."""
    database = Database(settings.routing_database_url, pool=1)
    try:
        with database.transaction() as connection:
            answer = act(connection)
    except Failure as failure:
        sys.exit(f"{failure.reason}: {failure.detail}")
    finally:
        database.close()
    for fact in [{"id": answer}] if isinstance(answer, UUID) else answer or []:
        show(fact)


def named(connection: Connection, asked: Asked) -> UUID:
    return directory.attendant_named(connection, asked.username)


def rename_thing(connection: Connection, asked: Asked) -> None:
    directory.rename(connection, asked.table, asked.id, asked.name)


def switch_attendant(connection: Connection, asked: Asked) -> None:
    directory.set_active(connection, named(connection, asked), asked.active)


def relink(connection: Connection, asked: Asked) -> None:
    attendant_id = named(connection, asked)
    directory.set_memberships(connection, attendant_id, asked.level_ids)
    directory.set_roles(connection, attendant_id, asked.role)


def add_rule(connection: Connection, asked: Asked) -> UUID:
    where = (asked.organization_id, asked.account_id, asked.level_id)
    return rules.add_rule(connection, *where, asked.priority, asked.position)


def list_failed(connection: Connection, _: Asked) -> list[dict[str, Any]]:
    return [failed._asdict() for failed in stored.failed(connection)]


def redrive_occurrences(connection: Connection, asked: Asked) -> list[dict[str, Any]]:
    ids = set(asked.ids) if asked.ids else None
    return [{"redriven": occurrences.redrive(connection, ids, waiting=asked.waiting)}]


def add_attendant(asked: Asked, settings: RoutingSettings) -> None:
    hashed = hash_new_password(settings)
    who = (asked.organization_id, asked.name, asked.username, asked.email)
    perform(settings, lambda c: directory.add_attendant(c, *who, hashed, asked.level_ids, asked.role))


def set_password(asked: Asked, settings: RoutingSettings) -> None:
    hashed = hash_new_password(settings)

    def change(connection: Connection) -> None:
        directory.set_password(connection, named(connection, asked), hashed)

    perform(settings, change)


def hash_new_password(settings: RoutingSettings) -> str:
    """Read where neither the shell's history nor the list of processes shows it."""
    password = getpass.getpass("New password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        sys.exit(f"PASSWORD_LENGTH: a password needs {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    return Passwords(settings.password_memory_kib, settings.password_passes).hash(password)
