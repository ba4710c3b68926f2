"""Commands on inbox and outbox, in every service: `python -m <service> inbox failed`, `inbox redrive`, `republish`."""

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import Connection, func, select

from servicekit.database import Database, poke
from servicekit.events.inbox_rows import CHANNEL, INBOX
from servicekit.events.outbox import publish

Rows = Callable[[Connection], Iterable[tuple[str, Message]]]

REPUBLISH_BATCH = 500


class Failed(NamedTuple):
    """An event this service has given up."""

    id: UUID
    type: str
    aggregate: str
    attempts: int
    failed_at: str
    last_error: str


def list_failed(database: Database) -> list[Failed]:
    """Oldest first."""
    failed_at = func.to_char(INBOX.c.failed_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"').label("failed_at")
    columns = (INBOX.c.id, INBOX.c.type, INBOX.c.aggregate, INBOX.c.attempts, failed_at, INBOX.c.last_error)
    given_up = select(*columns).where(INBOX.c.failed_at.is_not(None)).order_by(INBOX.c.position)
    with database.transaction() as connection:
        return [Failed(*row) for row in connection.execute(given_up)]


def redrive(database: Database, ids: Sequence[UUID] | None) -> int:
    """Has failed events handled anew, with all their attempts; None: every one of them. How many there were."""
    given_up = INBOX.update().where(INBOX.c.failed_at.is_not(None))
    if ids is not None:
        given_up = given_up.where(INBOX.c.id.in_(ids))
    # One attempt stands as made, so that each is handled alone: had it ended the process, no other pays for it again.
    anew = {"failed_at": None, "attempts": 1, "next_at": func.clock_timestamp()}
    with database.transaction() as connection:
        driven = connection.execute(given_up.values(anew).returning(INBOX.c.id)).all()
        poke(connection, CHANNEL)
    return len(driven)


def republish(database: Database, rows: Rows) -> int:
    """Publishes the state of everything others keep a projection of; how many events. Safe at any time.

    Read in one snapshot and published in batches, so a change in between may stand before its older state; projections
    take only what is newer.
    """
    published = 0
    with database.engine.connect().execution_options(isolation_level="REPEATABLE READ", stream_results=True) as reader:
        events = iter(rows(reader))
        while batch := list(islice(events, REPUBLISH_BATCH)):
            with database.transaction() as connection:
                publish(connection, batch)
            published += len(batch)
        reader.rollback()
    return published


def add_arguments(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    database: Callable[[Any], Database],
    rows: Callable[[Any], Rows | None],
) -> None:
    """Adds the commands; each sets `act`, called with (parsed words, settings). They print one JSON line per fact."""
    inbox = subparsers.add_parser("inbox", help="events received by this service").add_subparsers(required=True)
    inbox.add_parser("failed", help="list the events given up").set_defaults(
        act=lambda _, settings: show_failed(database(settings))
    )
    driven = inbox.add_parser("redrive", help="handle events given up once more")
    which = driven.add_mutually_exclusive_group(required=True)
    which.add_argument("--id", action="append", type=UUID, dest="ids", metavar="ID")
    which.add_argument("--all", action="store_true")
    driven.set_defaults(act=lambda asked, settings: show_redriven(database(settings), asked.ids))
    subparsers.add_parser("republish", help="publish the state of everything others keep a copy of").set_defaults(
        act=lambda _, settings: show_republished(database(settings), rows(settings))
    )


def show_failed(database: Database) -> None:
    for failed in list_failed(database):
        show(failed._asdict())
    database.close()


def show_redriven(database: Database, ids: Sequence[UUID] | None) -> None:
    show({"redriven": redrive(database, ids)})
    database.close()


def show_republished(database: Database, rows: Rows | None) -> None:
    show({"republished": republish(database, rows) if rows else 0})
    database.close()


def show(fact: dict[str, Any]) -> None:
    print(json.dumps(fact, default=str, ensure_ascii=False))  # noqa: T201  # the answer of a command
