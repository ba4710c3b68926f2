"""Sends what is due, one mail after the other on a connection.

Each mail is four steps: an attempt is committed, the mail is composed and stands as SENDING, the relay is spoken to,
the outcome is committed. Whoever dies between the last two commits leaves a mail of which nobody knows whether it went
out.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from obstore.exceptions import BaseError as ObjectStoreError
from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from mail.domain import Message
from mail.files import Files
from mail.handlers.composing import composed
from mail.handlers.deliveries import LEASE, change
from mail.metrics import DELIVERIES, RELAY_AWAY, SEND_SECONDS, SENT_AFTER
from mail.outgoing.relay import Failed, Later, Link, Outcome, Refused, RelayAway, Sent, Unknown
from mail.storage import deliveries, directory
from mail.storage.tables import DELIVERIES as TABLE
from servicekit import crash
from servicekit.database import Database
from servicekit.events import claims
from servicekit.events.inbox import describe
from servicekit.events.trouble import Trouble
from servicekit.telemetry import log, span

# A mail that is refused for now rests as long as it has been refused already: seconds at first, hours in the end.
FIRST_REST = timedelta(seconds=15)
LONGEST_REST = timedelta(hours=4)
GIVEN_UP_AFTER = timedelta(days=2)
# So long is it tried to commit what became of a mail.
SETTLING_SECONDS = 120.0
# After the relay broke off, or the store of files did: no fault of the mail.
UNTRIED_SECONDS = 5.0

T = TypeVar("T")

LOG = log("mail")
OUTCOMES: dict[type[Any], str] = {Sent: "sent", Later: "later", Failed: "failed", Unknown: "unknown"}


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


@dataclass(frozen=True, slots=True)
class Begun:
    """A mail that nobody else sends now. message: as it stood before."""

    delivery: Row[Any]
    attempt: int
    message: Message
    organization_id: UUID
    protocol: str


def send_due(sender: Sender, stopping: Callable[[], bool] = lambda: False) -> int:
    """Until nothing is due or the relay is away; how many mails were offered to it."""
    link: Link | None = None
    count = 0
    try:
        while not stopping() and not sender.resting():
            # First the connection, so that nothing is SENDING while there is none; and none for nothing.
            if link is None or not link.usable():
                if not anything_due(sender):
                    break
                link = connected(sender, link)
            if not send_one(sender, link):
                break
            count += 1
    except RelayAway as error:
        sender.away(error)
    finally:
        if link is not None:
            link.close()
    return count


def anything_due(sender: Sender) -> bool:
    with sender.database.transaction() as connection:
        return deliveries.anything_due(connection)


def connected(sender: Sender, before: Link | None) -> Link:
    if before is not None:
        before.close()
    return sender.connect()


def send_one(sender: Sender, link: Link) -> bool:
    """False where nothing was left to be sent. Raises RelayAway."""
    begun = begin(sender)
    if begun is None:
        return False
    row = begun.delivery
    longest = claims.LONGEST_WORK + link.longest(len(row.recipients)) + timedelta(seconds=SETTLING_SECONDS)
    mine = [TABLE.c.attempts == begun.attempt, TABLE.c.sending]
    with (
        claims.renewing(sender.database, TABLE, [row.id], LEASE, longest, mine),
        span("mail send", row.traceparent) as current,
    ):
        content = made_ready(sender, begun)
        if content is not None:
            current.set_attribute("size", len(content))
            offer(sender, link, begun, content)
    return True


def begin(sender: Sender) -> Begun | None:
    """The next mail. Committed before anything is done for it: what ends its process each time is given up at last."""
    with sender.database.transaction() as connection:
        row = deliveries.lock_next(connection)
        if row is None:
            return None
        found = deliveries.lock_message(connection, row.id)
        assert found is not None, "a delivery is of a message"
        message, organization_id = found
        ticket = directory.ticket(connection, message.ticket_id) if message.ticket_id else None
        attempt = deliveries.begin(connection, row.id, LEASE)
        if row.kind == "ACKNOWLEDGEMENT":
            # It may be sent twice, so it needs no commit of its own right before it is offered.
            deliveries.set_state(connection, row.id, "SENDING", message.delivery_detail, [])
    return Begun(row, attempt, message, organization_id, ticket.protocol if ticket else "")


def made_ready(sender: Sender, begun: Begun) -> bytes | None:
    """The mail, which stands as SENDING from now on; None where it came to nothing."""
    try:
        content, key = composed(sender.database, sender.files, begun.delivery, begun.message, begun.organization_id)
    except SQLAlchemyError:
        raise
    except Exception as error:
        not_composed(sender, begun, error)
        return None
    if begun.delivery.kind == "ACKNOWLEDGEMENT":
        return content
    with sender.database.transaction() as connection:
        row = deliveries.lock_mine(connection, begun.delivery.id, begun.attempt)
        if row is None or not row.sending:
            # It took so long that it was taken for dead.
            return None
        deliveries.keep_file(connection, row.id, key)
        deliveries.set_state(connection, row.id, "SENDING", begun.message.delivery_detail, [])
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
        deliveries.end(connection, held.id, done=False, detail=describe(error))
        change(connection, *found, "FAILED", f"not composed: {type(error).__name__}")
        DELIVERIES.labels(held.kind.lower(), "failed").inc()


def offer(sender: Sender, link: Link, begun: Begun, content: bytes) -> None:
    """To the relay; what becomes of it is committed. Raises RelayAway."""
    row, began = begun.delivery, time.monotonic()
    crash.point("send.before")
    try:
        outcome = link.send(row.id, row.envelope_from, row.recipients, content, last=is_last(row))
    except RelayAway as error:
        patiently(sender, partial(untried, begun=begun, detail=str(error)))
        raise
    sender.there()
    crash.point("send.after")
    outcome = patiently(sender, partial(settle, begun=begun, outcome=outcome))
    note(begun, outcome, time.monotonic() - began)


def is_last(row: Row[Any]) -> bool:
    """Whether a further refusal for now is the end of it."""
    return row.refused_since is not None and datetime.now(UTC) - row.refused_since >= GIVEN_UP_AFTER


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


def settle(connection: Connection, begun: Begun, outcome: Outcome) -> Outcome:
    """Commits what became of the mail; the outcome that stands."""
    if isinstance(outcome, Later) and is_last(begun.delivery):
        outcome = Failed(outcome.detail)
    row = deliveries.lock_mine(connection, begun.delivery.id, begun.attempt)
    found = deliveries.lock_message(connection, begun.delivery.id)
    if row is None or found is None:
        # Somebody has asked for another attempt meanwhile, and that one will say.
        return outcome
    message, organization_id = found
    if isinstance(outcome, Sent) and (detail := missed(message, row.recipients, outcome.refused)):
        outcome = Failed(detail, outcome.refused)
    if message.delivery_state not in ("SENDING", "UNKNOWN"):
        # A report that it could not be delivered was faster than the relay's word.
        deliveries.end(connection, row.id, done=False, detail=message.delivery_detail)
    elif isinstance(outcome, Later):
        put_back(connection, row, message, organization_id, outcome.detail)
    elif isinstance(outcome, Sent):
        deliveries.end(connection, row.id, done=True, detail="")
        change(connection, message, organization_id, "SENT", "", outcome.refused)
    elif isinstance(outcome, Failed):
        deliveries.end(connection, row.id, done=False, detail=outcome.detail)
        change(connection, message, organization_id, "FAILED", outcome.detail, outcome.refused)
    else:
        deliveries.end(connection, row.id, done=False, detail=outcome.detail)
        change(connection, message, organization_id, "UNKNOWN", outcome.detail)
    return outcome


def missed(message: Message, recipients: Sequence[str], refused: Sequence[Refused]) -> str:
    """Why it reached none of those it is for, only others who were to have a copy; '' where it did."""
    addressed = {one["email"] for one in message.to_addresses} & set(recipients)
    details = {one.email: one.detail for one in refused if one.email in addressed}
    return next(iter(details.values())) if details and details.keys() == addressed else ""


def put_back(connection: Connection, row: Row[Any], message: Message, organization_id: UUID, detail: str) -> None:
    """The mail was refused for now."""
    since = row.refused_since or datetime.now(UTC)
    deliveries.put_back(connection, row.id, rest_seconds(datetime.now(UTC) - since), detail, since)
    queued_again(connection, message, organization_id, detail)


def untried(connection: Connection, begun: Begun, detail: str) -> None:
    """Nothing was said of the mail, so nothing is held against it."""
    row = deliveries.lock_mine(connection, begun.delivery.id, begun.attempt)
    found = deliveries.lock_message(connection, begun.delivery.id)
    if row is not None and found is not None:
        deliveries.put_back(connection, row.id, UNTRIED_SECONDS, detail, row.refused_since)
        queued_again(connection, *found, found[0].delivery_detail)


def queued_again(connection: Connection, message: Message, organization_id: UUID, detail: str) -> None:
    """Nobody is told of what goes back and forth between QUEUED and SENDING."""
    if message.delivery_state == "SENDING":
        deliveries.set_state(connection, message.id, "QUEUED", detail, [])
    else:
        change(connection, message, organization_id, "QUEUED", detail)


def rest_seconds(refused_for: timedelta) -> float:
    rest = min(max(refused_for, FIRST_REST), LONGEST_REST)
    return rest.total_seconds() * random.uniform(0.75, 1.25)  # noqa: S311  # spread, no secret


def note(begun: Begun, outcome: Outcome, seconds: float) -> None:
    row, name = begun.delivery, OUTCOMES[type(outcome)]
    DELIVERIES.labels(row.kind.lower(), name).inc()
    SEND_SECONDS.labels(name).observe(seconds)
    if isinstance(outcome, Sent):
        SENT_AFTER.observe(max(0.0, (datetime.now(UTC) - row.created_at).total_seconds()))
    level = LOG.info if isinstance(outcome, Sent) else LOG.warning
    level(
        f"mail_{name}",
        messageId=str(row.id),
        protocol=begun.protocol,
        kind=row.kind,
        attempt=begun.attempt,
        detail="" if isinstance(outcome, Sent) else outcome.detail,
        refused=len(outcome.refused) if isinstance(outcome, Sent | Failed) else 0,
        seconds=round(seconds, 3),
        traceId=row.traceparent[3:35],
    )
