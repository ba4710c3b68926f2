"""What a service keeps of another's things: as new as their owner's, and the same."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, Table, select

import mail.storage.tables as of_mail
import publisher.storage as of_publisher
import ticket.storage.directory as of_ticket
from all_in_one.check.merging import side_by_side
from routing.domain.directory import RoleOf
from routing.storage import directory
from routing.storage.tables import LEVEL_ACCOUNTS, RULES
from servicekit.checking import Finding, Look

Looks = Mapping[str, Look]
Things = Callable[[Connection, UUID | None], Iterable[Any]]

# What routing announces, and who keeps it where. All of a directory is read at once: it is people and places, not mail.
KEPT: tuple[tuple[str, Things, Mapping[str, Table]], ...] = (
    ("organization", directory.organizations, {"ticket": of_ticket.ORGANIZATIONS, "mail": of_mail.ORGANIZATIONS}),
    ("department", directory.departments, {"ticket": of_ticket.DEPARTMENTS, "mail": of_mail.DEPARTMENTS}),
    ("level", directory.levels, {"ticket": of_ticket.LEVELS, "mail": of_mail.LEVELS}),
    ("attendant", directory.attendants, {"ticket": of_ticket.ATTENDANTS, "mail": of_mail.ATTENDANTS}),
)


def directories_agree(looks: Looks) -> Iterator[Finding]:
    for what, things, keepers in KEPT:
        with looks["routing"].snapshot() as connection:
            owned = {thing.id: thing for thing in things(connection, None)}
        for keeper, table in keepers.items():
            with looks[keeper].snapshot() as connection:
                kept = {row.id: row for row in connection.execute(select(table))}
            looks[keeper].seen += len(kept)
            for id in sorted(owned.keys() | kept.keys()):
                if words := disagreement(owned.get(id), kept.get(id)):
                    standing = f"{keeper} {version(kept.get(id))}"
                    yield Finding(str(id), f"{keeper}'s copy of this {what} {words}", standing)


def publishers_agree(looks: Looks) -> Iterator[Finding]:
    owner, keeper = looks["publisher"], looks["ticket"]
    owned = owner.rows(select(*of_publisher.PUBLISHER), of_publisher.PUBLISHERS.c.id)
    kept = keeper.rows(select(of_ticket.PUBLISHERS), of_ticket.PUBLISHERS.c.id)
    for id, mine, theirs in side_by_side(owned, kept):
        thing, copy = next(iter(mine), None), next(iter(theirs), None)
        words = disagreement(thing, copy)
        if words and not keeper.young(id):
            yield Finding(str(id), f"ticket's copy of this publisher {words}", version(copy))


def version(copy: Row[Any] | None) -> str:
    """How far a copy has come. One that comes on is late at most, which the queues of events tell."""
    return "missing" if copy is None else str(copy.version)


def disagreement(thing: Any, copy: Row[Any] | None) -> str:
    """Between an owner's thing and a copy of it; empty where there is none."""
    if copy is None:
        return "is missing"
    if thing is None:
        return "is of nothing: its owner does not have it"
    if copy.version < thing.version:
        return f"is old: version {copy.version}, and its owner has {thing.version}"
    if copy.version > thing.version:
        return f"is newer than its owner's: version {copy.version}, and its owner has {thing.version}"
    differing = [name for name in copy._fields if plain(getattr(copy, name)) != plain(getattr(thing, name))]
    return f"differs, though of the same version: {', '.join(differing)}" if differing else ""


def plain(value: Any) -> Any:
    """Lists are kept in no particular order, and roles as JSON."""
    if isinstance(value, (list, tuple)) and not isinstance(value, Row):
        return sorted(str(plain(one)) for one in value)
    if isinstance(value, RoleOf):
        return value.role, str(value.department_id or "")
    if isinstance(value, dict):
        return value["role"], value["department_id"]
    return value


def accounts_are_known(looks: Looks) -> Iterator[Finding]:
    """Those by which routing decides and with which levels answer are accounts of mail, of the same organization."""
    used = {
        what: accounts_used(looks["routing"], table) for table, what in ((RULES, "rule"), (LEVEL_ACCOUNTS, "level"))
    }
    # Read after those who name them: an account is made first.
    with looks["mail"].snapshot() as connection:
        columns = (of_mail.ACCOUNTS.c.id, of_mail.ACCOUNTS.c.organization_id)
        known = {row.id: row.organization_id for row in connection.execute(select(*columns))}
    for what, rows in used.items():
        for row in rows:
            if known.get(row.account_id) != row.organization_id:
                yield Finding(str(row.account_id), f"a {what} names this account, which its organization does not have")


def accounts_used(routing: Look, table: Table) -> Sequence[Row[Any]]:
    query: Select[Any] = select(table.c.account_id, table.c.organization_id).distinct()
    with routing.snapshot() as connection:
        used = connection.execute(query).all()
    routing.seen += len(used)
    return used
