"""What must be true of tickets, seen from their own tables. Where another service is concerned: all_in_one.check."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, select, text

from servicekit.checking import Check, Finding, Look
from servicekit.checks import EVENTS
from ticket.domain import visibility
from ticket.domain.facts import HistoryBroken, Status, fold
from ticket.domain.verbs import KINDS, MESSAGES, Verb
from ticket.events import keys_of
from ticket.storage.directory import ATTENDANTS, LEVELS, PUBLISHERS
from ticket.storage.service_types import SERVICE_TYPES, VALUES
from ticket.storage.tickets import INTERACTIONS, PROTOCOLS, REPLIES, TICKETS, facts_of

KINDS_OF_MESSAGES = {KINDS[verb] for verb in MESSAGES}
# What a ticket names, and where that is kept.
NAMED = {"holder": ATTENDANTS, "publisher": PUBLISHERS, "service_type": SERVICE_TYPES}


def each_protocol_is_given_once(look: Look) -> Iterator[Finding]:
    """Registered numbers are looked up by name: a join in the order of protocols would begin each page at the first."""
    query = select(TICKETS.c.protocol, TICKETS.c.id, TICKETS.c.organization_id)
    before: Row[Any] | None = None
    for connection, rows in look.pages(query, TICKETS.c.protocol, TICKETS.c.id):
        numbers = {row.protocol for row in rows}
        found = connection.execute(select(PROTOCOLS).where(PROTOCOLS.c.number.in_(numbers)))
        registered = {row.number: row.organization_id for row in found}
        for row in rows:
            if before is not None and before.protocol == row.protocol:
                yield Finding(row.protocol, f"this protocol is given to the tickets {before.id} and {row.id}")
            if row.protocol not in registered:
                yield Finding(str(row.id), f"its protocol {row.protocol} is not registered, and may be given again")
            elif registered[row.protocol] != row.organization_id:
                yield Finding(str(row.id), f"its protocol {row.protocol} is registered for another organization")
            before = row


def history_tells_the_whole_ticket(look: Look) -> Iterator[Finding]:
    for connection, rows in look.pages(select(TICKETS), TICKETS.c.id):
        histories = histories_of(connection, [row.id for row in rows])
        for row in rows:
            for words in contradictions(row, histories.get(row.id, [])):
                yield Finding(str(row.id), f"ticket {row.protocol}: {words}")


def histories_of(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[Row[Any]]]:
    query = select(INTERACTIONS).where(INTERACTIONS.c.ticket_id.in_(ids))
    entries = connection.execute(query.order_by(INTERACTIONS.c.ticket_id, INTERACTIONS.c.version))
    return {ticket_id: list(group) for ticket_id, group in groupby(entries, key=lambda entry: entry.ticket_id)}


def contradictions(row: Row[Any], entries: Sequence[Row[Any]]) -> Iterator[str]:
    """In what a ticket and its history differ."""
    versions = [entry.version for entry in entries]
    if versions != list(range(1, row.version + 1)):
        missing = sorted(set(range(1, row.version + 1)) - set(versions))[:5]
        yield f"its history has {len(versions)} entries and should have {row.version}; missing: {missing or 'none'}"
        return
    try:
        told = fold(entry.changes for entry in entries)
    except HistoryBroken as broken:
        yield f"its history contradicts itself: {broken}"
        return
    now = facts_of(row)
    if told != now:
        differing = [name for name in now.__slots__ if getattr(now, name) != getattr(told, name)]
        yield f"its row is not what its history leads to: {', '.join(differing)}"
    counted = sum(entry.counted for entry in entries)
    if counted != row.interactions:
        yield f"it says {row.interactions} interactions, and its history counts {counted}"
    messages = [entry.message_id for entry in entries if entry.kind in KINDS_OF_MESSAGES]
    last = messages[-1] if messages else row.opening_message_id
    # Where none is written, it is the one that opened the ticket.
    said = row.last_message_id or row.opening_message_id
    if said != last:
        yield f"its last message is {last}, and not {said} as it says"


def history_cannot_be_rewritten(look: Look) -> Iterator[Finding]:
    """By the triggers that refuse it: O is enabled, A is enabled also for replication."""
    guards = text("SELECT tgname FROM pg_trigger WHERE tgrelid = 'interactions'::regclass AND tgenabled IN ('O', 'A')")
    with look.snapshot() as connection:
        standing = set(connection.scalars(guards))
    for guard in ("interactions_append_only", "interactions_never_emptied"):
        look.seen += 1
        if guard not in standing:
            yield Finding(guard, "this trigger, which keeps the history append-only, is missing or disabled")


def a_ticket_is_whole(look: Look) -> Iterator[Finding]:
    for _, rows in look.pages(select(TICKETS), TICKETS.c.id):
        for row in rows:
            for words in absurdities(row):
                yield Finding(str(row.id), f"ticket {row.protocol}: {words}")


def absurdities(row: Row[Any]) -> Iterator[str]:
    """What no verb can lead to (services/ticket/VERBS.md)."""
    if row.status == Status.STARTED and row.holder_id is None:
        yield "it is started, and nobody holds it"
    if row.released and row.holder_id is None:
        yield "it is released by nobody: it has no holder"
    if row.awaiting_until is not None and not row.awaiting_customer:
        yield "it waits until a moment, and for nobody"
    if row.status == Status.PENDING and not row.awaiting_customer:
        yield "it is pending, and waits for nobody"
    if row.status == Status.CLOSED and (row.released or row.new_message or row.awaiting_customer):
        yield "it is closed, and still released, marked or waiting"


def those_who_may_see_it_see_it(look: Look) -> Iterator[Finding]:
    query = select(TICKETS, LEVELS.c.department_id.label("department"), LEVELS.c.organization_id.label("organization"))
    for _, rows in look.pages(query.outerjoin(LEVELS, LEVELS.c.id == TICKETS.c.level_id), TICKETS.c.id):
        for row in rows:
            key = visibility.queue_key(row.level_id, row.holder_id, row.released)
            if key not in keys_of(row):
                yield Finding(str(row.id), f"ticket {row.protocol}: its queue is {row.queue_key}, and should be {key}")
            if row.department is None:
                yield Finding(str(row.id), f"ticket {row.protocol}: its level {row.level_id} is not known here")
            elif (row.department, row.organization) != (row.department_id, row.organization_id):
                yield Finding(str(row.id), f"ticket {row.protocol}: its level is of another department or organization")


def those_it_names_are_its_organizations(look: Look) -> Iterator[Finding]:
    """By subqueries, each of one primary key: a join might read all publishers for a page."""
    owners = (
        select(table.c.organization_id).where(table.c.id == TICKETS.c[f"{what}_id"]).scalar_subquery().label(what)
        for what, table in NAMED.items()
    )
    names = ("id", "protocol", "organization_id", *(f"{what}_id" for what in NAMED))
    query = select(*(TICKETS.c[name] for name in names), *owners)
    for _, rows in look.pages(query, TICKETS.c.id):
        for row in rows:
            for what in NAMED:
                id, owner = row._mapping[f"{what}_id"], row._mapping[what]
                told = f"ticket {row.protocol}: its {what.replace('_', ' ')} {id}"
                # What is announced may be on its way.
                if id is not None and owner is None and not look.young(row.id, id):
                    yield Finding(str(row.id), f"{told} is not known here")
                elif owner is not None and owner != row.organization_id:
                    yield Finding(str(row.id), f"{told} is of another organization")


def conversations_are_chains(look: Look) -> Iterator[Finding]:
    """Each ticket continues the one before it, each is continued by one at most, and only one lives."""
    columns = ("conversation_id", "id", "organization_id", "protocol", "status", "previous_ticket_id")
    query = select(*(TICKETS.c[name] for name in columns))
    stream = look.rows(query, TICKETS.c.conversation_id, TICKETS.c.id)
    for conversation_id, group in groupby(stream, key=lambda row: row.conversation_id):
        chain = list(group)
        for words in breaks(chain):
            protocols = ", ".join(row.protocol for row in chain[:5])
            yield Finding(str(conversation_id), f"conversation of tickets {protocols}: {words}")


def breaks(chain: Sequence[Row[Any]]) -> Iterator[str]:
    live = [row.protocol for row in chain if row.status != Status.CLOSED]
    if len(live) > 1:
        yield f"{len(live)} of them live"
    ids, continued = {row.id for row in chain}, [row.previous_ticket_id for row in chain]
    if continued.count(None) != 1:
        yield f"{continued.count(None)} of them continue none; only the first should"
    if len(set(continued)) != len(continued):
        yield "one of them is continued twice"
    if set(continued) - ids - {None}:
        yield "one of them continues a ticket of another conversation"
    if len({row.organization_id for row in chain}) > 1:
        yield "they are of several organizations"


def every_reply_is_in_the_history(look: Look) -> Iterator[Finding]:
    replied = (INTERACTIONS.c.message_id == REPLIES.c.message_id) & (INTERACTIONS.c.kind == KINDS[Verb.REPLY])
    entry = INTERACTIONS.c.id.label("entry")
    query = select(REPLIES.c.message_id, REPLIES.c.ticket_id, entry)
    query = query.outerjoin(INTERACTIONS, and_(INTERACTIONS.c.ticket_id == REPLIES.c.ticket_id, replied))
    for _, rows in look.pages(query, REPLIES.c.message_id):
        for row in rows:
            if row.entry is None:
                yield Finding(str(row.message_id), f"this reply was released, and ticket {row.ticket_id} tells nothing")
    told = select(
        INTERACTIONS.c.id, INTERACTIONS.c.ticket_id, INTERACTIONS.c.message_id, REPLIES.c.ticket_id.label("of")
    )
    told = told.outerjoin(REPLIES, REPLIES.c.message_id == INTERACTIONS.c.message_id)
    for _, rows in look.pages(told.where(INTERACTIONS.c.kind == KINDS[Verb.REPLY]), INTERACTIONS.c.id):
        for row in rows:
            if row.of != row.ticket_id:
                yield Finding(str(row.message_id), f"ticket {row.ticket_id} tells of it, and it was not released")


def values_are_there(look: Look) -> Iterator[Finding]:
    """All tickets are read: one statement could take too long to find the few with data among millions."""
    query = select(TICKETS.c.id, TICKETS.c.protocol, TICKETS.c.data)
    for connection, rows in look.pages(query, TICKETS.c.id):
        named = {UUID(value_id) for row in rows for value_id in row.data.values()}
        if not named:
            continue
        found = connection.execute(select(VALUES.c.id, VALUES.c.ticket_id).where(VALUES.c.id.in_(named)))
        tickets = {row.id: row.ticket_id for row in found}
        for row in rows:
            for field_id, value_id in row.data.items():
                if tickets.get(UUID(value_id)) != row.id:
                    yield Finding(str(row.id), f"ticket {row.protocol}: the value of its field {field_id} is not there")


def what_ran_out_comes_back(look: Look) -> Iterator[Finding]:
    query = select(TICKETS.c.id, TICKETS.c.protocol, TICKETS.c.awaiting_until)
    due = (TICKETS.c.status == Status.PENDING) & (TICKETS.c.awaiting_until < look.before())
    for _, rows in look.pages(query.where(due), TICKETS.c.id):
        for row in rows:
            yield Finding(str(row.id), f"ticket {row.protocol} should have come back at {row.awaiting_until:%F %T}")


CHECKS = (
    Check("No protocol is given twice, and each is registered", each_protocol_is_given_once),
    Check("The history of a ticket has no gap and leads to what the ticket is", history_tells_the_whole_ticket),
    Check("Nobody can rewrite the history", history_cannot_be_rewritten),
    Check("A started ticket has its holder, and no ticket is in a state no verb leads to", a_ticket_is_whole),
    Check("Each ticket is in the queue that its level, holder and release say", those_who_may_see_it_see_it),
    Check(
        "The holder, publisher and service type of a ticket are its organization's",
        those_it_names_are_its_organizations,
    ),
    Check("A conversation has one live ticket, and its tickets continue each other", conversations_are_chains),
    Check("Every reply that was released is in its ticket's history", every_reply_is_in_the_history),
    Check("The data of service types is there", values_are_there),
    Check("A ticket whose waiting has run out comes back", what_ran_out_comes_back),
    *EVENTS,
)
