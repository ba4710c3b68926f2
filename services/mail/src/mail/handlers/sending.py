"""Sends what is due, one mail after the other on a connection.

Each mail is four steps: an attempt is committed, the mail is composed and stands as SENDING, the relay is spoken to,
the outcome is committed. Whoever dies between the last two commits leaves a mail of which nobody knows whether it went
out. A reply takes these steps alone. Acknowledgements, of which there is one for each new ticket and which may go out
twice, share the commits of a few.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import TypeVar

from obstore.exceptions import BaseError as ObjectStoreError
from sqlalchemy import Connection, tuple_
from sqlalchemy.exc import SQLAlchemyError

from mail.files import Files
from mail.handlers.composing import acknowledgements, composed
from mail.handlers.deliveries import LEASE, change
from mail.handlers.settling import UNTRIED_SECONDS, Begun, Offered, is_last, note, queued_again, settle_all, untried
from mail.metrics import DELIVERIES, RELAY_AWAY
from mail.outgoing.compose import compose
from mail.outgoing.relay import Link, RelayAway
from mail.storage import deliveries, directory
from mail.storage.tables import DELIVERIES as TABLE
from servicekit import crash
from servicekit.database import Database
from servicekit.events import claims
from servicekit.events.inbox import describe
from servicekit.events.trouble import Trouble
from servicekit.telemetry import current_traceparent, log, span

# So long is it tried to commit what became of a mail.
SETTLING_SECONDS = 120.0
# Acknowledgements that are begun together: enough to share the commits, and few, so that other threads find some too.
TOGETHER = 10
# What was offered is settled when the mail ends that was under way after so long.
SETTLE_SECONDS = 1.0

T = TypeVar("T")

LOG = log("mail")


class Sender:
    """What one process sends with; used by several threads. connect: raises RelayAway."""

    def __init__(self, database: Database, files: Files, connect: Callable[[], Link]) -> None:
        self.database, self.files, self.connect = database, files, connect
        self.trouble, self.lock, self.rests_until = Trouble(LOG, "relay"), threading.Lock(), 0.0

    def resting(self) -> bool:
        return time.monotonic() < self.rests_until

    def away(self, error: Exception) -> None:
        """All threads leave the relay alone for a moment, longer each time."""
        with self.lock:
            RELAY_AWAY.set(1)
            self.rests_until = time.monotonic() + self.trouble.met(error)

    def there(self) -> None:
        with self.lock:
            RELAY_AWAY.set(0)
            self.trouble.over()


class Line:
    """A connection to the relay, and the next one where it allows no further mail."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.link: Link | None = None

    def usable(self) -> bool:
        return self.link is not None and self.link.usable()

    def ready(self) -> Link:
        """Raises RelayAway."""
        if self.link is None or not self.link.usable():
            self.close()
            self.link = self.sender.connect()
        return self.link

    def close(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None


def send_due(sender: Sender, stopping: Callable[[], bool] = lambda: False) -> int:
    """Until nothing is due or the relay is away; how many mails were begun."""
    line, count = Line(sender), 0
    try:
        while not stopping() and not sender.resting():
            # First the connection, so that nothing is begun while there is none; and none for nothing.
            if not line.usable() and not anything_due(sender):
                break
            line.ready()
            begun = begin(sender)
            if not begun:
                break
            count += len(begun)
            send_all(sender, line, begun, stopping)
    except RelayAway as error:
        sender.away(error)
    finally:
        line.close()
    return count


def anything_due(sender: Sender) -> bool:
    with sender.database.transaction() as connection:
        return deliveries.anything_due(connection)


def begin(sender: Sender) -> list[Begun]:
    """The next reply, or the next few acknowledgements. Committed before anything is done for them: what ends its
    process each time is given up at last."""
    with sender.database.transaction() as connection:
        rows = deliveries.lock_next(connection, TOGETHER)
        ids = [row.id for row in rows]
        found = deliveries.lock_messages(connection, ids)
        attempts = deliveries.begin(connection, ids, LEASE)
        protocols = directory.protocols(connection, [message.ticket_id for message, _ in found.values()])
        making = {}
        if rows and rows[0].kind == "ACKNOWLEDGEMENT":
            # They may be sent twice, so they need no commit of their own right before they are offered.
            deliveries.mark_sending(connection, ids)
            making = acknowledgements(connection, [message for message, _ in found.values()])
    return [
        Begun(row, attempts[row.id], message, organization_id, protocols.get(message.ticket_id, ""), making.get(row.id))
        for row, (message, organization_id) in ((row, found[row.id]) for row in rows)
    ]


def send_all(sender: Sender, line: Line, batch: Sequence[Begun], stopping: Callable[[], bool]) -> None:
    """Those that were offered are settled together, every second; the rest is put back where the relay goes away.

    What is under way when anything else goes wrong is left to its lease: nobody knows how far it came.
    """
    waiting, offered, settled = deque(batch), list[Offered](), time.monotonic()
    reason = ""
    with renewing(sender, line.ready(), batch):
        try:
            while waiting and not (len(waiting) < len(batch) and stopping()):
                link, begun = line.ready(), waiting.popleft()
                try:
                    one = send_one(sender, link, begun)
                except RelayAway:
                    waiting.appendleft(begun)
                    raise
                offered += [one] if one else []
                if time.monotonic() - settled > SETTLE_SECONDS:
                    settle_offered(sender, offered)
                    settled = time.monotonic()
        except RelayAway as error:
            reason = str(error)
            raise
        finally:
            settle_offered(sender, offered)
            if waiting:
                patiently(sender, partial(untried, left=list(waiting), detail=reason))


def renewing(sender: Sender, link: Link, batch: Sequence[Begun]) -> AbstractContextManager[None]:
    """Keeps the lease of those that are still being sent."""
    each = sum((link.longest(len(one.delivery.recipients)) for one in batch), timedelta())
    longest = claims.LONGEST_WORK + each + timedelta(seconds=SETTLING_SECONDS)
    attempts = tuple_(TABLE.c.id, TABLE.c.attempts).in_([(one.delivery.id, one.attempt) for one in batch])
    ids = [one.delivery.id for one in batch]
    return claims.renewing(sender.database, TABLE, ids, LEASE, longest, [attempts, TABLE.c.sending])


def send_one(sender: Sender, link: Link, begun: Begun) -> Offered | None:
    """None where it came to nothing. Raises RelayAway."""
    with span("mail send", begun.delivery.traceparent) as current:
        content = made_ready(sender, begun)
        if content is None:
            return None
        current.set_attribute("size", len(content))
        return offer(sender, link, begun, content)


def made_ready(sender: Sender, begun: Begun) -> bytes | None:
    """The mail, which stands as SENDING from now on; None where it came to nothing."""
    try:
        if begun.making is not None:
            return compose(begun.making())
        content, key = composed(sender.database, sender.files, begun.delivery, begun.message, begun.organization_id)
    except SQLAlchemyError:
        raise
    except Exception as error:
        not_composed(sender, begun, error)
        return None
    with sender.database.transaction() as connection:
        row = deliveries.lock_mine(connection, begun.delivery.id, begun.attempt)
        if row is None or not row.sending:
            # It took so long that it was taken for dead.
            return None
        deliveries.keep_file(connection, row.id, key)
        deliveries.mark_sending(connection, [row.id])
    return content


def not_composed(sender: Sender, begun: Begun, error: Exception) -> None:
    """A store that is away makes the mail wait; whatever else is wrong with it will be wrong again."""
    away = isinstance(error, (OSError, ObjectStoreError)) and not isinstance(error, FileNotFoundError)
    LOG.error("mail_not_composed", messageId=str(begun.delivery.id), error=describe(error), away=away)
    with sender.database.transaction() as connection:
        held = deliveries.lock_mine(connection, begun.delivery.id, begun.attempt)
        found = deliveries.lock_message(connection, begun.delivery.id)
        if held is None or not held.sending or found is None:
            return
        if away:
            deliveries.put_back(connection, held.id, UNTRIED_SECONDS, describe(error), held.refused_since)
            if found[0].delivery_state == "SENDING":
                queued_again(connection, *found, found[0].delivery_detail)
            return
        deliveries.end(connection, [held.id], done=False, detail=describe(error))
        change(connection, *found, "FAILED", f"not composed: {type(error).__name__}")
        DELIVERIES.labels(held.kind.lower(), "failed").inc()


def offer(sender: Sender, link: Link, begun: Begun, content: bytes) -> Offered:
    """To the relay. Raises RelayAway, where nothing was said of the mail."""
    row, began = begun.delivery, time.monotonic()
    crash.point("send.before")
    outcome = link.send(row.id, row.envelope_from, row.recipients, content, last=is_last(row))
    sender.there()
    crash.point("send.after")
    return Offered(begun, outcome, time.monotonic() - began, current_traceparent())


def settle_offered(sender: Sender, offered: list[Offered]) -> None:
    """Commits what became of them, and forgets them."""
    if not offered:
        return
    outcomes = patiently(sender, partial(settle_all, offered=offered))
    for one, outcome in zip(offered, outcomes, strict=True):
        note(one.begun, outcome, one.seconds)
    offered.clear()


def patiently(sender: Sender, act: Callable[[Connection], T]) -> T:
    """In one transaction: a database that is away for a moment must not make unknown what is known."""
    away, until = Trouble(LOG, "settling_database"), time.monotonic() + SETTLING_SECONDS
    while True:
        try:
            with sender.database.transaction() as connection:
                done = act(connection)
        except SQLAlchemyError as error:
            if time.monotonic() > until:
                raise
            time.sleep(away.met(error))
        else:
            away.over()
            return done
