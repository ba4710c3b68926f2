"""What customers write on tickets, and what becomes of what is written to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from guiche.mail.v1 import message_pb2
from sqlalchemy import Connection, Row

from servicekit.events.outbox import publish
from servicekit.telemetry import current_traceparent, span
from ticket import events
from ticket.domain import verbs
from ticket.domain.facts import Facts, Status
from ticket.domain.verbs import Verb
from ticket.handlers.recording import SYSTEM, Step, record
from ticket.storage import directory, tickets

# What became of a reply, as far as it is more than news for an open page.
VERBS_OF_DELIVERY = {"FAILED": Verb.FAIL, "UNKNOWN": Verb.DOUBT}


@dataclass(frozen=True, slots=True)
class Written:
    """A customer's message on its conversation."""

    message_id: UUID
    organization_id: UUID
    conversation_id: UUID
    publisher_id: UUID | None
    publisher_name: str
    snippet: str
    traceparent: str


def append_messages(connection: Connection, messages: Sequence[Written], now: datetime) -> dict[UUID, Row[Any]]:
    """Adds each to the live ticket of its conversation, in this order; the ticket of each by message id.

    Those known stand where they stood; those whose conversation has no live ticket are missing from the answer.
    """
    add_publishers(connection, messages)
    return append(connection, messages, now)


def append(connection: Connection, messages: Sequence[Written], now: datetime) -> dict[UUID, Row[Any]]:
    """As append_messages(), for those whose publishers are added."""
    live = tickets.lock_live(connection, {message.conversation_id for message in messages})
    # Read after the locks, so that what another transaction has just added is known.
    found = tickets.received_by(connection, [message.message_id for message in messages])
    facts = {key: tickets.facts_of(row) for key, row in live.items()}
    steps: dict[UUID, Step] = {}
    for message in messages:
        if message.message_id in found or message.message_id in steps or message.conversation_id not in live:
            continue
        step = received(live[message.conversation_id], facts[message.conversation_id], message)
        steps[message.message_id], facts[message.conversation_id] = step, step.new
    if steps:
        after = record(connection, list(steps.values()), now)
        found |= {message_id: after[step.row.id] for message_id, step in steps.items()}
    return found


def received(row: Row[Any], old: Facts, message: Written) -> Step:
    new = verbs.happen(Verb.RECEIVE, old)
    assert new is not None, "the ticket is live, and locked"
    return Step(
        row,
        Verb.RECEIVE,
        old,
        new,
        ("CUSTOMER", message.publisher_id),
        message.message_id,
        message.snippet,
        continued("append_message", message.traceparent, message.conversation_id),
    )


def continued(what: str, traceparent: str, conversation_id: UUID) -> str:
    """The trace of this message alone, marked here, since the call it came with belongs to the first of its batch."""
    with span(what, traceparent, conversation=str(conversation_id)):
        return current_traceparent()


def add_publishers(connection: Connection, messages: Sequence[Written]) -> None:
    """Their names, until their owner announces them: version 0, so that whatever is announced is newer.

    All of a transaction at once, by id, and before any ticket is locked: in one order everywhere nobody deadlocks.
    """
    rows = {
        message.publisher_id: {
            "id": message.publisher_id,
            "version": 0,
            "organization_id": message.organization_id,
            "name": message.publisher_name,
        }
        for message in messages
        if message.publisher_id
    }
    directory.add_publishers(connection, [rows[publisher_id] for publisher_id in sorted(rows)])


def delivery_changed(
    connection: Connection,
    organization_id: UUID,
    ticket_id: UUID,
    message_id: UUID,
    state: str,
    now: datetime,
    version: int = 0,
) -> None:
    """state: as DeliveryState without prefix. A state told twice acts once; after a new attempt it may act again.

    version: of the delivery. One that is older than what is known is no news, however late it comes.
    """
    tickets.lock(connection, organization_id, ticket_id)
    row = tickets.find(connection, organization_id, ticket_id)
    if row is None:
        return
    noted = tickets.note_delivery(connection, ticket_id, message_id, state, version)
    if noted == "old":
        return
    verb = VERBS_OF_DELIVERY.get(state)
    if verb is None or noted == "known":
        publish(connection, [(str(ticket_id), events.delivery_changed(row, str(message_id)))])
        return
    old = tickets.facts_of(row)
    # Its conversation goes on in another ticket, so this one cannot come back: only its history tells.
    succeeded = row.status == Status.CLOSED and tickets.has_live(connection, row.conversation_id)
    new = None if succeeded else verbs.happen(verb, old)
    record(connection, [Step(row, verb, old, new or old, SYSTEM, message_id)], now)


def state_of(value: message_pb2.DeliveryState.ValueType) -> str:
    return message_pb2.DeliveryState.Name(value).removeprefix("DELIVERY_STATE_")
