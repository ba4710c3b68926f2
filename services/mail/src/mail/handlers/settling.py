"""What became of mails that were offered to the relay, as it is kept and told."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from mail.domain import Message
from mail.handlers.deliveries import change, changed_to_sent
from mail.metrics import DELIVERIES, SEND_SECONDS, SENT_AFTER
from mail.outgoing.compose import Mail
from mail.outgoing.relay import Failed, Later, Outcome, Refused, Sent, Unknown
from mail.storage import deliveries
from servicekit.telemetry import log, span

# A mail that is refused for now rests as long as it has been refused already: seconds at first, hours in the end.
FIRST_REST = timedelta(seconds=15)
LONGEST_REST = timedelta(hours=4)
GIVEN_UP_AFTER = timedelta(days=2)
# After the relay broke off, or the store of files did: no fault of the mail.
UNTRIED_SECONDS = 5.0

LOG = log("mail")
OUTCOMES: dict[type[Any], str] = {Sent: "sent", Later: "later", Failed: "failed", Unknown: "unknown"}


@dataclass(frozen=True, slots=True)
class Begun:
    """A mail that nobody else sends now. message: as it stood before. making: where all that
    it is made of is known."""

    delivery: Row[Any]
    attempt: int
    message: Message
    organization_id: UUID
    protocol: str
    making: Callable[[], Mail] | None


@dataclass(frozen=True, slots=True)
class Offered:
    begun: Begun
    outcome: Outcome
    seconds: float
    traceparent: str


def is_last(row: Row[Any]) -> bool:
    """Whether a further refusal for now is the end of it."""
    return row.refused_since is not None and datetime.now(UTC) - row.refused_since >= GIVEN_UP_AFTER


def settle_all(connection: Connection, offered: Sequence[Offered]) -> list[Outcome]:
    """The outcomes that stand. Those that simply went out are settled in as many statements as one of them."""
    ids = [one.begun.delivery.id for one in offered]
    rows = deliveries.lock(connection, ids)
    found = deliveries.lock_messages(connection, ids)

    def went_out(one: Offered) -> bool:
        row_id, outcome = one.begun.delivery.id, one.outcome
        mine = rows.get(row_id) == one.begun.attempt
        return (
            mine and isinstance(outcome, Sent) and not outcome.refused and found[row_id][0].delivery_state == "SENDING"
        )

    simple = [one for one in offered if went_out(one)]
    if simple:
        deliveries.end(connection, [one.begun.delivery.id for one in simple], done=True, detail="")
        sent = [found[one.begun.delivery.id] for one in simple]
        changed_to_sent(connection, sent, [one.traceparent for one in simple])
    return [one.outcome if one in simple else settle_traced(connection, one) for one in offered]


def settle_traced(connection: Connection, one: Offered) -> Outcome:
    with span("mail settle", one.traceparent):
        return settle(connection, one.begun, one.outcome)


def settle(connection: Connection, begun: Begun, outcome: Outcome) -> Outcome:
    """What became of one mail; the outcome that stands."""
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
        deliveries.end(connection, [row.id], done=False, detail=message.delivery_detail)
    elif isinstance(outcome, Later):
        put_back(connection, row, message, organization_id, outcome.detail)
    elif isinstance(outcome, Sent):
        deliveries.end(connection, [row.id], done=True, detail="")
        change(connection, message, organization_id, "SENT", "", outcome.refused)
    elif isinstance(outcome, Failed):
        deliveries.end(connection, [row.id], done=False, detail=outcome.detail)
        change(connection, message, organization_id, "FAILED", outcome.detail, outcome.refused)
    else:
        deliveries.end(connection, [row.id], done=False, detail=outcome.detail)
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


def untried(connection: Connection, left: Sequence[Begun], detail: str) -> None:
    """Nothing was said of these mails, so nothing is held against them."""
    for begun in sorted(left, key=lambda begun: begun.delivery.id):
        row = deliveries.lock_mine(connection, begun.delivery.id, begun.attempt)
        found = deliveries.lock_message(connection, begun.delivery.id)
        # UNKNOWN where it was taken for dead meanwhile; that nothing was said of it is better to know.
        if row is not None and found is not None and (row.sending or found[0].delivery_state == "UNKNOWN"):
            deliveries.put_back(connection, row.id, UNTRIED_SECONDS, detail, row.refused_since)
            queued_again(connection, *found, found[0].delivery_detail)


def queued_again(connection: Connection, message: Message, organization_id: UUID, detail: str) -> None:
    """Nobody is told of what goes back and forth between QUEUED and SENDING."""
    if message.delivery_state == "SENDING":
        deliveries.set_state(connection, [message.id], "QUEUED", detail)
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
