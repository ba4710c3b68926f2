"""What a page of the queue, the counts and a start cost with many live tickets.

Usage: python bench/queue_reads.py [TICKETS]   (default 1,000,000, over 40 departments with 5 levels each)
The limit beside them is the round trip of `SELECT 1` on the same connection in the same run.
"""

# ruff: noqa: T201 -- prints its figures.

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from sqlalchemy import Connection, text

from localservers.postgres import postgres
from servicekit.database import Database
from servicekit.ids import new_id
from servicekit.migrating import migrate
from ticket.domain.facts import LIVE, Status
from ticket.domain.verbs import Verb
from ticket.domain.visibility import Viewer
from ticket.handlers.acting import Act, act
from ticket.storage import directory, queue

LEVELS = 200
ATTENDANTS = 2000

FILL = text("""
    INSERT INTO tickets (id, organization_id, protocol, subject, snippet, status, priority, platform, department_id, level_id,
                         holder_id, released, conversation_id, opening_message_id, opened_by_kind, occurred_at, opened_at,
                         last_activity_at)
    SELECT gen_random_uuid(), :organization, lpad(n::text, 17, '0'), 'Assunto ' || n, 'Primeiras palavras', status, 'MEDIUM',
           'EMAIL', department_id, level_id, CASE WHEN held THEN attendant END, held AND hashint8(n * 17) % 10 = 0, gen_random_uuid(),
           gen_random_uuid(), 'CUSTOMER', at, at, at
    FROM (
        SELECT n, lvl.id AS level_id, lvl.department_id, now() - n * interval '1 second' AS at,
               s.status, s.status NOT IN ('CREATED', 'OPEN') AS held,
               (CAST(:attendants AS uuid[]))[1 + (hashint8(n * 13) & 2147483647) % :people] AS attendant
        FROM generate_series(1, :tickets) AS n
        JOIN (SELECT id, department_id, row_number() OVER (ORDER BY id) - 1 AS place FROM levels) AS lvl
             ON lvl.place = (hashint8(n) & 2147483647) % :levels
        JOIN (SELECT status, row_number() OVER () - 1 AS place FROM unnest(CAST(:statuses AS text[])) AS status) AS s
             ON s.place = (hashint8(n * 31) & 2147483647) % :kinds
    ) AS made
""")


def main(tickets: int) -> None:
    with TemporaryDirectory(prefix="guiche-bench-") as folder, postgres(Path(folder) / "postgres") as server:
        url = server.database("bench")
        migrate(url, "ticket")
        database = Database(url)
        people = fill(database, tickets)
        with database.engine.connect() as connection:
            measure(connection, people, tickets)
        database.close()


def fill(database: Database, tickets: int) -> dict[str, tuple[UUID, UUID]]:
    """Attendants by what they see: (organization, attendant)."""
    organization = new_id()
    departments = [new_id() for _ in range(LEVELS // 5)]
    levels = [(new_id(), departments[n // 5]) for n in range(LEVELS)]
    attendants = [new_id() for _ in range(ATTENDANTS)]
    kinds = {"one level": 1, "five levels": 5, "fifty levels": 50}
    with database.transaction() as connection:
        for department in departments:
            row = {"id": department, "version": 1, "organization_id": organization, "name": "D"}
            directory.keep_newest(connection, directory.DEPARTMENTS, row)
        for level, department in levels:
            row = {
                "id": level,
                "version": 1,
                "organization_id": organization,
                "department_id": department,
                "name": "N1",
            }
            directory.keep_newest(connection, directory.LEVELS, {**row, "position": 1})
        for attendant, count in zip(attendants, kinds.values(), strict=False):
            row = {
                "id": attendant,
                "version": 1,
                "organization_id": organization,
                "name": "A",
                "active": True,
                "roles": [],
            }
            directory.keep_newest(
                connection, directory.ATTENDANTS, {**row, "level_ids": [lvl for lvl, _ in levels[:count]]}
            )
        chief = {"id": attendants[3], "version": 1, "organization_id": organization, "name": "S", "active": True}
        whole = {"level_ids": [], "roles": [{"role": "SUPERVISOR", "department_id": ""}]}
        directory.keep_newest(connection, directory.ATTENDANTS, {**chief, **whole})
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        given = {"organization": organization, "tickets": tickets, "levels": LEVELS, "people": ATTENDANTS}
        statuses = [str(status) for status in LIVE]
        connection.execute(FILL, {**given, "attendants": attendants, "statuses": statuses, "kinds": len(statuses)})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE tickets"))
    names = [*kinds, "a supervisor of everything"]
    return {name: (organization, attendant) for name, attendant in zip(names, attendants, strict=False)}


def measure(connection: Connection, people: dict[str, tuple[UUID, UUID]], tickets: int) -> None:
    limit = timed(connection, lambda: connection.execute(text("SELECT 1")).all())
    print(f"{tickets:,} live tickets on {LEVELS} levels; limit (SELECT 1): {limit}")
    print(f"{'who sees':<28} {'first page of 50':>20} {'open only':>20} {'counts':>20} {'their tickets':>15}")
    everything, open_only = queue.Filter(LIVE), queue.Filter((Status.OPEN,))
    for name, (organization, attendant) in people.items():
        who = directory.viewer(connection, organization, attendant)
        assert who is not None
        cells = [
            timed(connection, lambda who=who: queue.page(connection, who, everything, queue.START, 51)),
            timed(connection, lambda who=who: queue.page(connection, who, open_only, queue.START, 51)),
            timed(connection, lambda who=who: queue.counts(connection, who)),
        ]
        total = sum(count for *_, count in queue.counts(connection, who))
        print(f"{name:<28}" + "".join(f"{cell:>21}" for cell in cells) + f"{total:>16,}")
    organization, attendant = people["five levels"]
    who = directory.viewer(connection, organization, attendant)
    assert who is not None
    rows = queue.page(connection, who, open_only, queue.START, 51)
    todo = iter(rows)
    connection.rollback()
    print(
        f"start, with history, event and commit: {timed(connection, lambda: start(connection, who, next(todo).id), 40)}"
    )


def start(connection: Connection, who: Viewer, ticket_id: UUID) -> None:
    act(connection, who, Act(Verb.START, ticket_id), datetime.now(UTC))
    connection.commit()


def timed(connection: Connection, act: Callable[[], object], times: int = 50) -> str:
    """Median and 95th percentile, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append((time.perf_counter() - began) * 1000)
        connection.rollback()
    took.sort()
    return f"{statistics.median(took):.2f} / {took[int(len(took) * 0.95) - 1]:.2f} ms"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
