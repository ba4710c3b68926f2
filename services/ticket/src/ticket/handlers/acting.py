"""What attendants do: every verb takes this one way."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from servicekit.errors import Stale
from ticket.domain import verbs
from ticket.domain.facts import Priority, Status
from ticket.domain.verbs import Asked, Verb, Wait
from ticket.domain.visibility import Viewer
from ticket.events import last_message_id
from ticket.failures import AwaitUntilInvalid, MessageAlreadyReleased, SeenUpToStale
from ticket.handlers import classifying
from ticket.handlers.classifying import Given
from ticket.handlers.reading import etag_of, read_for
from ticket.handlers.recording import Step, record
from ticket.storage import tickets

LONGEST_WAIT = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Act:
    """What an attendant asks for; each verb needs some of it.

    until_field: the end of awaiting, as the request calls it.
    """

    verb: Verb
    ticket_id: UUID
    etag: str = ""
    status: Status | None = None
    wait: Wait | None = None
    until_field: str = "until"
    priority: Priority | None = None
    classification: Given | None = None
    message_id: UUID | None = None
    seen_up_to: str = ""
    request_id: str = ""


def act(connection: Connection, who: Viewer, said: Act, now: datetime) -> Row[Any]:
    """The ticket afterwards. An act that changes nothing is none: no entry, no event, the same etag."""
    tickets.lock(connection, who.organization_id, said.ticket_id)
    before = read_for(connection, who, said.ticket_id, said.verb)
    check(before, said, now)
    old = tickets.facts_of(before)
    service_type = classifying.resolve(connection, before, said.classification, now) if said.classification else None
    new = verbs.perform(said.verb, old, who, Asked(said.status, said.wait, said.priority, service_type))
    assert new is not None, "read_for has refused what is not allowed"
    classifying.check_gate(connection, before, old, new, said.verb)
    if said.message_id is not None:
        release(connection, who, said)
    elif new == old:
        return before
    step = Step(before, said.verb, old, new, ("ATTENDANT", who.attendant_id), said.message_id)
    return record(connection, [step], now)[before.id]


def check(before: Row[Any], said: Act, now: datetime) -> None:
    if said.etag and said.etag != etag_of(before):
        raise Stale("The ticket has changed since you read it.", {"etag": etag_of(before)})
    if said.seen_up_to and said.seen_up_to != last_message_id(before):
        raise SeenUpToStale(last_message_id(before))
    until = said.wait.until if said.wait else None
    if until is not None and not now < until <= now + LONGEST_WAIT:
        raise AwaitUntilInvalid(said.until_field)


def release(connection: Connection, who: Viewer, said: Act) -> None:
    reply = {
        "message_id": said.message_id,
        "ticket_id": said.ticket_id,
        "attendant_id": who.attendant_id,
        "request_id": said.request_id,
    }
    if not tickets.add_reply(connection, reply):
        raise MessageAlreadyReleased
