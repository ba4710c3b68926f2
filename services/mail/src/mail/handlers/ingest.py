"""From raw mails to messages: claimed in batches, parsed in parallel, committed together in the order of arrival.

Two lanes, so that mails which take long hold up nobody but each other. A mail's first attempt is made in a batch, with
a short limit of time. Whatever that did not settle (too slow, the worker died, the database was away) is tried again
alone, with the full limit, by one thread of a process at a time.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from obstore.exceptions import BaseError as ObjectStoreError
from psycopg.errors import QueryCanceled
from sqlalchemy import Connection, Row
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from mail.events import message_received
from mail.files import Files
from mail.handlers.bounces import take_back
from mail.handlers.joining import Placed, resolve, too_early
from mail.handlers.readying import Readied, readied
from mail.metrics import INGEST_BATCH, INGEST_RETRIES, INGEST_SECONDS, INGESTED, JOINED, LATENCY, POSTPONED, SET_ASIDE
from mail.parsing.model import Limits, Unparsable
from mail.parsing.pool import ParserPool
from mail.storage import joining, messages, raw_mails
from mail.storage.tables import RAW_MAILS
from mail.work_folder import WorkFolder
from servicekit import crash
from servicekit.database import Database
from servicekit.events import claims
from servicekit.events.inbox import describe
from servicekit.events.outbox import publish
from servicekit.telemetry import log, span

BATCH = 50
# Renewed while a batch is under way; so long do the mails of a worker that died wait for the next one.
LEASE = timedelta(seconds=10)
FIRST_LIMITS = replace(Limits(), wall_seconds=2)
FULL_LIMITS = Limits()

# A full disk, a store that does not answer, a machine on which no parser starts.
NO_FAULT_OF_THE_MAIL = (OSError, ObjectStoreError, RuntimeError)

LOG = log("mail")


@dataclass(frozen=True, slots=True)
class Refused:
    raw: Row[Any]
    error: Exception


class Stored(NamedTuple):
    """placed: messages now. early: put back, for the mail they answer still waits. refused: by the database."""

    placed: list[Placed]
    early: list[Readied]
    refused: list[Refused]


class Ingest:
    """What one process ingests with; used by several threads. secret: by which signed names are known."""

    def __init__(
        self,
        database: Database,
        files: Files,
        parsers: int,
        secret: bytes,
        first_limits: Limits = FIRST_LIMITS,
        full_limits: Limits = FULL_LIMITS,
    ) -> None:
        self.database, self.files, self.secret = database, files, secret
        self.work = WorkFolder()
        self.quick, self.patient = ParserPool(parsers, first_limits), ParserPool(1, full_limits)
        # Twice the children: while one parses a thread's mail, another thread writes the files of its own.
        self.threads = ThreadPoolExecutor(2 * parsers, thread_name_prefix="parse")
        self.retrying = threading.Lock()

    def close(self) -> None:
        self.threads.shutdown()
        self.quick.close()
        self.patient.close()
        self.work.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ingest_due(ingest: Ingest, stopping: Callable[[], bool] = lambda: False) -> int:
    """Until nothing is due; how many mails were settled or put back."""
    count = 0
    while not stopping():
        batch = ingest_batch(ingest) + retry_one(ingest)
        if not batch:
            break
        count += batch
    return count


def ingest_batch(ingest: Ingest) -> int:
    """The next mails that were never tried."""
    rows = claim(ingest.database, BATCH, tried=False)
    if rows:
        INGEST_BATCH.observe(len(rows))
        with INGEST_SECONDS.labels("parse").time(), renewing(ingest.database, rows):
            outcomes = list(ingest.threads.map(lambda row: ready(ingest, row, ingest.quick), rows))
        settle(ingest.database, rows, outcomes)
    return len(rows)


def retry_one(ingest: Ingest) -> int:
    if not ingest.retrying.acquire(blocking=False):
        return 0
    try:
        rows = claim(ingest.database, 1, tried=True)
        if rows:
            with renewing(ingest.database, rows):
                outcomes = [ready(ingest, row, ingest.patient) for row in rows]
            settle(ingest.database, rows, outcomes)
        return len(rows)
    finally:
        ingest.retrying.release()


def claim(database: Database, rows: int, *, tried: bool) -> list[Row[Any]]:
    """Without those that would only be parsed to be put back, since a mail they name still waits."""
    lane = RAW_MAILS.c.attempts > 0 if tried else RAW_MAILS.c.attempts == 0
    while True:
        with INGEST_SECONDS.labels("claim").time(), database.transaction() as connection:
            claimed = claims.claim(connection, RAW_MAILS, rows, LEASE, where=[lane])
            early = too_early(connection, claimed)
            raw_mails.postpone(connection, early)
        POSTPONED.inc(len(early))
        timely = [row for row in claimed if row.id not in early]
        if timely or not claimed:
            return timely


def renewing(database: Database, rows: Sequence[Row[Any]]) -> AbstractContextManager[None]:
    return claims.renewing(database, RAW_MAILS, [row.id for row in rows], LEASE)


def ready(ingest: Ingest, raw: Row[Any], parsers: ParserPool) -> Readied | Refused:
    with span("mail parse", raw.traceparent, size=raw.size), ingest.work.folder() as folder:
        try:
            with ingest.files.on_disk(raw.file_key) as path:
                parsed = parsers.parse(path, folder)
            mail = readied(ingest.files, ingest.secret, raw, parsed)
            crash.point("parse")
            return mail
        except FileNotFoundError as error:
            return Refused(raw, error)
        except NO_FAULT_OF_THE_MAIL as error:
            return Refused(raw, claims.NotTried(describe(error)))
        except Exception as error:
            return Refused(raw, error)


def settle(database: Database, rows: Sequence[Row[Any]], outcomes: Sequence[Readied | Refused]) -> None:
    """As settle_all(). Where the lock is held for too long, the mails are put back: none of them is to blame."""
    try:
        settle_all(database, rows, outcomes)
    except OperationalError as error:
        if not isinstance(error.orig, QueryCanceled):
            raise
        LOG.warning("ingest_put_back", mails=len(rows), error=describe(error))
        POSTPONED.inc(len(rows))
        with database.transaction() as connection:
            raw_mails.postpone(connection, [row.id for row in rows])


def settle_all(database: Database, rows: Sequence[Row[Any]], outcomes: Sequence[Readied | Refused]) -> None:
    """One transaction for all: messages with their events, and what becomes of those that are none."""
    mails = [outcome for outcome in outcomes if isinstance(outcome, Readied)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    with INGEST_SECONDS.labels("commit").time(), database.transaction() as connection:
        # Before any row's, and all at once: else two batches could wait for each other.
        # Renewed only until then: from here on these rows are for this transaction alone to change.
        with renewing(database, rows):
            joining.lock(connection, {mail.raw.organization_id for mail in mails})
        stored = store(connection, mails)
        refused += stored.refused
        given_up = [one for one in refused if not put_back(connection, one)]
        crash.point("resolve")
    for mail in stored.placed:
        note_ingested(mail)
    for one in given_up:
        note_quarantined(one)
    POSTPONED.inc(len(stored.early))
    INGEST_RETRIES.inc(len(refused) - len(given_up))


def store(connection: Connection, mails: Sequence[Readied]) -> Stored:
    """All at once; where the database refuses that, one by one, so that only the culprit stays behind."""
    try:
        with connection.begin_nested():
            return store_all(connection, mails)
    except SQLAlchemyError as error:
        if connection.closed or connection.invalidated:
            raise
        if len(mails) == 1:
            return Stored([], [], [Refused(mails[0].raw, error)])
    together = Stored([], [], [])
    for mail in mails:
        alone = store(connection, [mail])
        together.placed.extend(alone.placed)
        together.early.extend(alone.early)
        together.refused.extend(alone.refused)
    return together


def store_all(connection: Connection, mails: Sequence[Readied]) -> Stored:
    """Without those that another worker has settled, if this one took longer than its lease."""
    waiting = raw_mails.lock_waiting(connection, [mail.raw.id for mail in mails])
    mails = [mail for mail in mails if mail.raw.id in waiting]
    if not mails:
        return Stored([], [], [])
    placed, early = resolve(connection, mails)
    messages.add(
        connection,
        [one.conversation for one in placed if one.began],
        [one.message for one in placed],
        [attachment for one in placed for attachment in one.mail.attachments],
    )
    events = [message_received(one.conversation, one.message, one.mail.raw.account_id) for one in placed]
    publish(connection, events, [one.mail.traceparent for one in placed])
    take_back(connection, placed)
    claims.done(connection, RAW_MAILS, [one.mail.raw.id for one in placed])
    raw_mails.postpone(connection, [mail.raw.id for mail in early])
    return Stored(placed, early, [])


def put_back(connection: Connection, refused: Refused) -> bool:
    """To be tried again; False where that is no use, then it is in quarantine."""
    if raw_mails.lock_waiting(connection, [refused.raw.id]) == set():
        return True
    # The first attempt's limit of time is short; whether a mail is too slow is for the second one to say.
    slow = isinstance(refused.error, Unparsable) and refused.error.reason == "TIME_LIMIT" and not refused.raw.attempts
    if isinstance(refused.error, Unparsable) and not slow:
        claims.failed(connection, RAW_MAILS, refused.raw, refused.error)
        return False
    return claims.retry(connection, RAW_MAILS, refused.raw, refused.error)


def note_ingested(placed: Placed) -> None:
    mail, message = placed.mail, placed.message
    seconds = (datetime.now(UTC) - mail.raw.received_at).total_seconds()
    INGESTED.inc()
    JOINED.labels(message.joined_by or "NONE").inc()
    LATENCY.observe(max(0.0, seconds))
    LOG.info(
        "mail_ingested",
        messageId=str(message.id),
        conversationId=str(placed.conversation.id),
        joinedBy=message.joined_by,
        automatic=message.automatic,
        attachments=len(mail.attachments),
        warnings=message.warnings,
        seconds=round(seconds, 3),
        traceId=mail.traceparent[3:35],
    )


def note_quarantined(refused: Refused) -> None:
    reason = refused.error.reason if isinstance(refused.error, Unparsable) else "NOT_STORED"
    SET_ASIDE.labels(reason).inc()
    LOG.error(
        "mail_quarantined",
        rawMailId=str(refused.raw.id),
        reason=reason,
        error=str(refused.error)[:500],
        traceId=refused.raw.traceparent[3:35],
    )
