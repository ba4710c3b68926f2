"""How many mails a second are accepted by SMTP and ingested into messages, and what one costs.

Usage: .venv/bin/python bench/intake.py [MAILS] [CONNECTIONS]   (default 2000 over 16, mails of 8 kB with an attachment of 4 kB)
Limits of the same run: files written and synced with one durable commit each, and mails parsed in one thread, with
nothing around either. The database and the disk are durable: both are what a mail's 250 waits for.
"""

# ruff: noqa: T201 -- prints its figures.

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from senders import MAILBOX, Senders, mail
from sqlalchemy import text
from system import machine

from localservers.postgres import postgres
from mail.config import MailSettings
from mail.domain import Account
from mail.files import Files
from mail.handlers.ingest import Ingest, ingest_batch, ingest_due
from mail.parsing.message import parse
from mail.parsing.model import Limits
from mail.receiver.intake import Intake
from mail.receiver.server import receiver
from mail.storage import accounts
from servicekit.database import Database
from servicekit.ids import new_id
from servicekit.migrating import migrate
from servicekit.tokens import make_keys


def main(mails: int, connections: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    senders = Senders(range(mails), connections)
    with TemporaryDirectory(prefix="guiche-bench-") as name, postgres(Path(name) / "postgres") as server:
        folder = Path(name)
        url = server.database("bench")
        migrate(url, "mail")
        make_keys(folder / "keys")
        database, files = Database(url), Files((folder / "files").as_uri())
        with database.transaction() as connection:
            accounts.add(connection, Account(new_id(), new_id(), MAILBOX, ""))
        settings = MailSettings(
            keys=folder / "keys", mail_database_url=url, mail_files_url=(folder / "files").as_uri(), smtp_port=0
        )
        print(f"{machine()}; {mails} mails of {len(mail(0))} bytes, {connections} connections")
        print(f"{'':44}{'a second':>10}{'CPU-ms each':>13}")
        measured("limit: write, fsync, commit, one by one", 300, lambda: raw_writes(database, folder, 300))
        with receiving(settings, database, files) as port:
            measured("accepted by SMTP", mails, lambda: senders.send(port))
        with database.transaction() as connection:
            commits = connection.scalar(text("SELECT count(DISTINCT xmin::text) FROM raw_mails"))
        print(f"{'  commits for them':44}{commits:>10}")
        measured("limit: parse alone, one thread", 300, lambda: raw_parses(folder, 300))
        with Ingest(database, files, 2, b"secret") as ingest:
            measured("ingested by one task, two parsers", mails // 2, lambda: ingest_some(ingest, mails // 2))
            measured("ingested by two tasks, two parsers", mails - mails // 2, lambda: ingest_all(ingest))
        with database.transaction() as connection:
            counts = connection.execute(
                text("SELECT (SELECT count(*) FROM raw_mails), (SELECT count(*) FROM messages)")
            )
            assert tuple(counts.one()) == (mails, mails), "mails were lost or doubled"
        database.close()
    senders.wait()


def measured(what: str, count: int, work: Callable[[], object]) -> None:
    cpu, began = cpu_seconds(), time.perf_counter()
    work()
    seconds, used = time.perf_counter() - began, cpu_seconds() - cpu
    print(f"{what:44}{count / seconds:>10.0f}{1000 * used / count:>13.2f}")


def cpu_seconds() -> float:
    """Of this process and its living and ended children: the parsers; not of PostgreSQL and not of the senders."""
    own, ended = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime + living_children()


def living_children() -> float:
    total, ticks = 0, os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == os.getpid() and b"mail.parsing.child" in command:
            total += int(fields[11]) + int(fields[12])
    return total / ticks


def raw_writes(database: Database, folder: Path, count: int) -> None:
    content = mail(0)
    with database.direct() as connection:
        connection.execute("CREATE TABLE raw_limit (n int)")
        for number in range(count):
            with (folder / f"limit-{number}").open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            connection.execute("INSERT INTO raw_limit VALUES (%s)", (number,))


def raw_parses(folder: Path, count: int) -> None:
    for number in range(count):
        place = folder / f"parsed-{number}"
        place.mkdir()
        parse(mail(number), place, Limits())


@contextmanager
def receiving(settings: MailSettings, database: Database, files: Files) -> Any:
    stop, ready, ports = threading.Event(), threading.Event(), [0]

    def listening(port: int) -> None:
        ports[0] = port
        ready.set()

    loop = receiver(settings, Intake(database, files, settings.smtp_max_recipients, lambda: None), listening)
    thread = threading.Thread(target=loop, args=(stop,))
    thread.start()
    ready.wait(10)
    yield ports[0]
    stop.set()
    thread.join()


def ingest_some(ingest: Ingest, count: int) -> None:
    done = 0
    while done < count:
        done += ingest_batch(ingest)


def ingest_all(ingest: Ingest) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ingest_due, [ingest, ingest]))


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:3]]
    main(*(asked + [2000, 16][len(asked) :]))
