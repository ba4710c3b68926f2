"""How far messages have come on their way out, and who is told of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from grpc import StatusCode
from guiche.mail.v1.message_events_pb2 import DeliveryChanged
from sqlalchemy import Connection, Row

from mail import signing
from mail.domain import ACKNOWLEDGEMENT, Account, Delivery, DeliveryKind, DeliveryState, Message
from mail.events import delivery_changed
from mail.metrics import DELIVERIES
from mail.outgoing.recipients import sendable
from mail.outgoing.relay import Refused
from mail.storage import accounts, deliveries, joining
from mail.storage import messages as stored
from servicekit.database import Database, poke
from servicekit.errors import Failure
from servicekit.events.outbox import publish
from servicekit.telemetry import current_traceparent, log

# Heard by who hints the senders.
CHANNEL = "guiche_mail_send"
# Renewed while a mail is being sent; so long does it take until one whose sender died is known to be UNKNOWN.
LEASE = timedelta(seconds=10)
INTERRUPTED = "the process that sent it ended before the outcome was known"
NOT_COMPOSED = "not composed: the process ended meanwhile"
# What ends its process each time is not tried for ever, and leaves the next process to other mails for a while.
MOST_INTERRUPTIONS = 5
REST_SECONDS = 15.0
RECOVERED_ROWS = 100

LOG = log("mail")


class DeliveryNotEnded(Failure):
    code = StatusCode.FAILED_PRECONDITION
    reason = "DELIVERY_NOT_ENDED"


class DraftNotFound(Failure):
    """Should never happen: a reply was released that nobody prepared, or that was forgotten long ago."""

    code = StatusCode.NOT_FOUND
    reason = "DRAFT_NOT_FOUND"


def release_reply(connection: Connection, organization_id: UUID, ticket_id: UUID, message_id: UUID) -> None:
    """A draft may leave. Told twice, it leaves once."""
    released = deliveries.release(connection, message_id, ticket_id)
    if released is None:
        known = stored.get(connection, message_id)
        if known is None or known.ticket_id != ticket_id:
            raise DraftNotFound(f"There is no draft {message_id} of ticket {ticket_id}.")
        return
    [account] = accounts.of_organization(connection, organization_id, [account_of(released)])
    queue(connection, organization_id, account, released, "REPLY")


def queue(
    connection: Connection, organization_id: UUID, account: Account, message: Message, kind: DeliveryKind
) -> None:
    """A message that stands as QUEUED: to be sent, and to be found by its answers."""
    envelope_from = reply_address(account, message) if kind == "REPLY" else ""
    row = Delivery(
        id=message.id,
        kind=kind,
        envelope_from=envelope_from,
        recipients=everybody(message),
        traceparent=current_traceparent(),
    )
    deliveries.add(connection, row)
    # Who only had a blind copy and answers is a stranger to the others.
    people = [one["email"] for one in (*message.to_addresses, *message.cc_addresses)]
    joining.remember(
        connection,
        organization_id,
        account.id,
        message.conversation_id,
        message.id,
        message.message_id_header,
        [],
        people,
    )
    # An acknowledgement is told of when it has left or failed: nobody waits for it, and there are many.
    if kind == "REPLY":
        tell(connection, message, organization_id, "QUEUED", message.delivery_version)
    poke(connection, CHANNEL)


def account_of(message: Message) -> UUID:
    assert message.account_id is not None, "every message that leaves is sent as an account"
    return message.account_id


def reply_address(account: Account, message: Message) -> str:
    """Where answers and reports of failed delivery to this message go."""
    return sendable(signing.reply_address(account.address, signing.token_in_header_id(message.message_id_header)))


def change(
    connection: Connection,
    message: Message,
    organization_id: UUID,
    state: DeliveryState,
    detail: str = "",
    refused: Sequence[Refused] = (),
) -> None:
    """Sets the state and tells of it, unless it is the one it had."""
    rows = [{"email": one.email, "detail": one.detail} for one in refused]
    version = deliveries.set_state(connection, [message.id], state, detail, rows)[message.id]
    if state != message.delivery_state:
        tell(connection, message, organization_id, state, version)


def changed_to_sent(connection: Connection, sent: Sequence[tuple[Message, UUID]], traceparents: Sequence[str]) -> None:
    """Many at once, none of them SENT before, each with its organization and trace."""
    versions = deliveries.set_state(connection, [message.id for message, _ in sent], "SENT")
    told = [(message, organization_id, versions[message.id]) for message, organization_id in sent]
    publish(connection, [event_of(message, of, "SENT", version) for message, of, version in told], traceparents)


def tell(connection: Connection, message: Message, organization_id: UUID, state: DeliveryState, version: int) -> None:
    publish(connection, [event_of(message, organization_id, state, version)])


def event_of(
    message: Message, organization_id: UUID, state: DeliveryState, version: int
) -> tuple[str, DeliveryChanged]:
    of = (message.conversation_id, message.ticket_id)
    return delivery_changed(message.id, organization_id, *of, state, message.automatic, version)


def resend(connection: Connection, message_id: UUID) -> None:
    """Somebody wants a message to be sent again whose delivery has failed, or may have; who has it gets it once."""
    deliveries.lock(connection, [message_id])
    found = deliveries.lock_message(connection, message_id)
    if found is None or found[0].delivery_state not in ("FAILED", "UNKNOWN"):
        raise DeliveryNotEnded("Only a message that failed, or whose delivery is unknown, can be sent again.")
    deliveries.queue_anew(connection, message_id, refused_recipients(found[0]))
    change(connection, *found, "QUEUED")
    poke(connection, CHANNEL)


def everybody(message: Message) -> list[str]:
    return [one["email"] for one in (*message.to_addresses, *message.cc_addresses, *message.bcc_addresses)]


def refused_recipients(message: Message) -> list[str]:
    """Those of its recipients of whom it is known that they do not have it."""
    refused = {one["email"].lower() for one in message.refused}
    return [email for email in everybody(message) if email.lower() in refused]


def recover(database: Database) -> int:
    """What became of mails whose sender died; how many there were."""
    with database.transaction() as connection:
        rows = deliveries.lock_interrupted(connection, RECOVERED_ROWS)
        for row in rows:
            found = deliveries.lock_message(connection, row.id)
            assert found is not None, "a delivery is of a message"
            recover_one(connection, row, *found)
    return len(rows)


def recover_one(connection: Connection, row: Row[Any], message: Message, organization_id: UUID) -> None:
    """What was still being composed and acknowledgements are sent again, a few times; replies are UNKNOWN."""
    composing = message.delivery_state == "QUEUED"
    detail = NOT_COMPOSED if composing else INTERRUPTED
    if not composing and message.delivery_state != "SENDING":
        # It came back already; its words stand.
        deliveries.end(connection, [row.id], done=False, detail=message.delivery_detail)
    elif (composing or row.kind == "ACKNOWLEDGEMENT") and row.interruptions + 1 < MOST_INTERRUPTIONS:
        rest = REST_SECONDS * row.interruptions
        deliveries.put_back(connection, row.id, rest, detail, row.refused_since, interrupted=True)
        deliveries.set_state(connection, [row.id], "QUEUED", detail)
        poke(connection, CHANNEL)
    else:
        # Not fenced: should its sender be alive after all, what it found out is better than not to know.
        deliveries.end(connection, [row.id], done=False, detail=detail)
        change(connection, message, organization_id, "FAILED" if composing else "UNKNOWN", detail)
        DELIVERIES.labels(row.kind.lower(), "failed" if composing else "unknown").inc()
        LOG.error("mail_interrupted", messageId=str(row.id), composing=composing, traceId=row.traceparent[3:35])


def kind_of(message: Message) -> str:
    return "acknowledgement" if message.automatic == ACKNOWLEDGEMENT else "reply"
