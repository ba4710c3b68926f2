"""Fills a ticket database with any number of tickets that could have come about by its verbs, the same ones each time.

Usage: .venv/bin/python bench/load_tickets.py [TICKETS] [DATABASE_URL] [--check]   (default 100,000 into a PostgreSQL that ends with it)
Each ticket has its protocol, its customer and a history that leads to its row: of eight three are open, one each is started, released,
pending and answered, and one is resolved or closed. They stand on 200 levels of 40 departments. With --check the ticket service's own
checks look at the result. Messages of these tickets exist in no mail database.
"""

# ruff: noqa: T201 -- prints what it did.

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from sqlalchemy import Connection, text

from localservers.postgres import postgres
from servicekit.checking import Look
from servicekit.database import Database
from servicekit.migrating import migrate
from ticket.checks import CHECKS
from ticket.storage import directory

LEVELS, LEVELS_OF_A_DEPARTMENT, ATTENDANTS = 200, 5, 2_000
CHUNK = 50_000


def made_id(kind: str, number: int) -> UUID:
    return UUID(f"{number:08x}-{kind.encode().hex()[:4]}-7000-8000-0123456789ab")


@dataclass(frozen=True)
class House:
    """Where tickets are loaded. levels: (level, department)."""

    organization: UUID
    levels: Sequence[tuple[UUID, UUID]]
    attendants: Sequence[UUID]


def furnish(connection: Connection, organization: UUID) -> House:
    """Departments, levels and attendants, who are members of nothing."""
    departments = [made_id("department", number) for number in range(LEVELS // LEVELS_OF_A_DEPARTMENT)]
    levels = [(made_id("level", n), departments[n // LEVELS_OF_A_DEPARTMENT]) for n in range(LEVELS)]
    attendants = [made_id("attendant", number) for number in range(ATTENDANTS)]
    common = {"version": 1, "organization_id": organization}
    for department in departments:
        directory.keep_newest(connection, directory.DEPARTMENTS, {**common, "id": department, "name": "Departamento"})
    for number, (level, department) in enumerate(levels):
        row = {"id": level, "department_id": department, "name": "N1", "position": number % LEVELS_OF_A_DEPARTMENT}
        directory.keep_newest(connection, directory.LEVELS, {**common, **row})
    for attendant in attendants:
        row = {"id": attendant, "name": "Atendente", "active": True, "level_ids": [], "roles": []}
        directory.keep_newest(connection, directory.ATTENDANTS, {**common, **row})
    return House(organization, levels, attendants)


# A ticket is its number: everything else follows from it. Random enough, and the same on every machine.
DRAWN = """
    CREATE TEMPORARY TABLE drawn ON COMMIT DROP AS
    SELECT n, at, story, level_id, department_id, attendant, message_id,
           CAST(lpad(to_hex(CAST(extract(epoch FROM at) * 1000 AS bigint)), 12, '0') || '7' || substr(digest, 1, 3) || '8'
                || substr(digest, 4, 15) AS uuid) AS id,
           CAST(md5('conversation' || n) AS uuid) AS conversation_id,
           CAST(md5('publisher' || (hashint8(n * 7) & 2147483647) % :publishers) AS uuid) AS publisher_id,
           to_char(at AT TIME ZONE 'America/Sao_Paulo', 'YYYYMMDDHH24MISSMS') AS protocol
    FROM (
        SELECT n, timestamptz '2025-06-01 12:00:00Z' - n * interval '1 second' AS at, md5('ticket' || n) AS digest,
               CAST(md5('message' || n) AS uuid) AS message_id,
               (ARRAY['OPEN', 'OPEN', 'OPEN', 'STARTED', 'RELEASED', 'PENDING', 'ANSWERED',
                      CASE WHEN hashint8(n * 5) % 2 = 0 THEN 'RESOLVED' ELSE 'CLOSED' END])[1 + (hashint8(n * 31) & 7)] AS story,
               (CAST(:levels AS uuid[]))[1 + place] AS level_id, (CAST(:departments AS uuid[]))[1 + place] AS department_id,
               (CAST(:attendants AS uuid[]))[1 + (hashint8(n * 13) & 2147483647) % cardinality(CAST(:attendants AS uuid[]))] AS attendant
        FROM (SELECT n, (hashint8(n) & 2147483647) % cardinality(CAST(:levels AS uuid[])) AS place
              FROM generate_series(CAST(:first AS bigint), :last) AS n) AS placed
    ) AS made
"""
PUBLISHERS = """
    INSERT INTO publishers (id, version, organization_id, name)
    SELECT DISTINCT publisher_id, 1, CAST(:organization AS uuid), 'Cliente' FROM drawn ON CONFLICT DO NOTHING
"""
PROTOCOLS = "INSERT INTO protocols (number, organization_id) SELECT protocol, :organization FROM drawn"
TICKETS = """
    INSERT INTO tickets (id, organization_id, version, protocol, subject, snippet, status, priority, platform, department_id, level_id,
                         holder_id, released, publisher_id, conversation_id, opening_message_id, opened_by_kind, opened_by_id,
                         occurred_at, opened_at, last_activity_at, interactions, awaiting_customer, last_message_id)
    SELECT id, :organization, steps, protocol, 'Pedido ' || n || ' ainda não chegou',
           'Bom dia, comprei há duas semanas e ainda não recebi. Podem verificar?', CASE story WHEN 'RELEASED' THEN 'STARTED' ELSE story END,
           'MEDIUM', 'EMAIL', department_id, level_id, CASE WHEN steps > 1 THEN attendant END, story = 'RELEASED', publisher_id,
           conversation_id, message_id, 'CUSTOMER', publisher_id, at, at, at + (steps - 1) * interval '1 minute', steps - 1,
           story = 'PENDING', CASE WHEN story = 'ANSWERED' THEN CAST(md5('answer' || n) AS uuid) ELSE message_id END
    FROM drawn JOIN lengths USING (story)
"""
LENGTHS = """
    CREATE TEMPORARY TABLE lengths ON COMMIT DROP AS
    SELECT * FROM (VALUES ('OPEN', 1), ('STARTED', 2), ('RELEASED', 3), ('PENDING', 3), ('ANSWERED', 4), ('RESOLVED', 3), ('CLOSED', 3))
        AS told (story, steps)
"""
# What each step changes, by story and version; null is put in by the ticket: its places, and who started it.
STEPS = """
    CREATE TEMPORARY TABLE steps ON COMMIT DROP AS
    SELECT story, version, kind, actor, field, was, now FROM (VALUES
        ('', 1, 'OPENED', 'CUSTOMER', 'status', '', 'OPEN'), ('', 1, 'OPENED', 'CUSTOMER', 'department', '', NULL),
        ('', 1, 'OPENED', 'CUSTOMER', 'level', '', NULL), ('', 1, 'OPENED', 'CUSTOMER', 'priority', '', 'MEDIUM'),
        ('', 2, 'STARTED', 'ATTENDANT', 'status', 'OPEN', 'STARTED'), ('', 2, 'STARTED', 'ATTENDANT', 'holder', '', NULL),
        ('RELEASED', 3, 'RELEASED', 'ATTENDANT', 'released', 'false', 'true'),
        ('PENDING', 3, 'AWAITED', 'ATTENDANT', 'status', 'STARTED', 'PENDING'),
        ('PENDING', 3, 'AWAITED', 'ATTENDANT', 'awaitingCustomer', 'false', 'true'),
        ('ANSWERED', 3, 'AWAITED', 'ATTENDANT', 'status', 'STARTED', 'PENDING'),
        ('ANSWERED', 3, 'AWAITED', 'ATTENDANT', 'awaitingCustomer', 'false', 'true'),
        ('ANSWERED', 4, 'MESSAGE_RECEIVED', 'CUSTOMER', 'status', 'PENDING', 'ANSWERED'),
        ('ANSWERED', 4, 'MESSAGE_RECEIVED', 'CUSTOMER', 'awaitingCustomer', 'true', 'false'),
        ('RESOLVED', 3, 'STATUS_SET', 'ATTENDANT', 'status', 'STARTED', 'RESOLVED'),
        ('CLOSED', 3, 'CONCLUDED', 'ATTENDANT', 'status', 'STARTED', 'CLOSED')
    ) AS told (story, version, kind, actor, field, was, now)
"""
HISTORY = """
    INSERT INTO interactions (id, ticket_id, version, kind, counted, at, actor_kind, actor_id, changes, message_id)
    SELECT CAST(md5('entry' || n || '.' || version) AS uuid), id, version, kind, version > 1, at + (version - 1) * interval '1 minute',
           steps.actor, CASE steps.actor WHEN 'ATTENDANT' THEN attendant ELSE publisher_id END,
           jsonb_agg(jsonb_build_object('field', field, 'before', was, 'after', coalesce(now, CAST(CASE field
               WHEN 'department' THEN department_id WHEN 'level' THEN level_id ELSE attendant END AS text)))),
           CASE kind WHEN 'MESSAGE_RECEIVED' THEN CAST(md5('answer' || n) AS uuid) END
    FROM drawn JOIN lengths USING (story) JOIN steps ON (steps.story = '' OR steps.story = drawn.story) AND steps.version <= lengths.steps
    GROUP BY n, id, version, kind, at, steps.actor, attendant, publisher_id
"""
STATEMENTS = [text(statement) for statement in (LENGTHS, STEPS, DRAWN, PUBLISHERS, PROTOCOLS, TICKETS, HISTORY)]


def load(database: Database, house: House, first: int, last: int) -> None:
    """The tickets of these numbers, `last` among them; afterwards the planner knows how many there are."""
    lists = {
        "levels": [level for level, _ in house.levels],
        "departments": [department for _, department in house.levels],
        "attendants": list(house.attendants),
    }
    for start in range(first, last + 1, CHUNK):
        given = {**lists, "organization": house.organization, "publishers": 200_000}
        given |= {"first": start, "last": min(last, start + CHUNK - 1)}
        with database.transaction() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            for statement in STATEMENTS:
                connection.execute(statement, {name: given[name] for name in statement.compile().params})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE tickets, interactions, protocols, publishers"))


def check(url: str) -> int:
    """What the ticket service's own checks find, printed; how much."""
    found = 0
    look = Look(url, timedelta(seconds=1))
    for each in CHECKS:
        findings = list(each.find(look))
        found += len(findings)
        print(f"  {each.promise}: {len(findings)} findings" + "".join(f"\n    {one.words}" for one in findings[:3]))
    look.close()
    return found


def main(tickets: int, url: str, checked: bool) -> int:
    with ExitStack() as stack:
        if not url:
            folder = stack.enter_context(TemporaryDirectory(prefix="guiche-bench-"))
            url = stack.enter_context(postgres(Path(folder) / "postgres")).database("bench")
        migrate(url, "ticket")
        database = Database(url)
        began = time.perf_counter()
        with database.transaction() as connection:
            house = furnish(connection, made_id("organization", 1))
        load(database, house, 1, tickets)
        print(f"{tickets:,} tickets in {time.perf_counter() - began:.1f} s")
        database.close()
        return check(url) if checked else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tickets", type=int, nargs="?", default=100_000)
    parser.add_argument("url", nargs="?", default="", metavar="DATABASE_URL")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    raise SystemExit(bool(main(asked.tickets, asked.url, asked.check)))
