"""One message on its way through mail, routing and ticket, and back: all must tell the same story."""

from collections.abc import Iterator
from heapq import merge
from typing import Any

from sqlalchemy import Row, literal, select

from all_in_one.check.merging import by_id, side_by_side
from mail.storage.tables import CONVERSATIONS, MESSAGES
from mail.storage.tables import TICKETS as KNOWN_TICKETS
from routing.storage.tables import OCCURRENCES
from servicekit.checking import Finding, Look
from ticket.domain.verbs import KINDS, Verb
from ticket.storage.tickets import INTERACTIONS, RECEIVED, REPLIES, TICKETS

Looks = dict[str, Look]
Rows = Iterator[Row[Any]]


def arrived(mail: Look) -> Rows:
    query = (
        select(
            MESSAGES.c.id,
            MESSAGES.c.ticket_id,
            MESSAGES.c.automatic,
            MESSAGES.c.conversation_id,
            CONVERSATIONS.c.organization_id,
        )
        .join(CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id)
        .where(MESSAGES.c.direction == "IN")
    )
    return mail.rows(query, MESSAGES.c.id)


def occurred(routing: Look) -> Rows:
    names = ("id", "organization_id", "conversation_id", "state", "ticket_id", "received_at", "done_at")
    return routing.rows(select(*(OCCURRENCES.c[name] for name in names)), OCCURRENCES.c.id)


def stand(ticket: Look) -> Rows:
    """Messages of customers on tickets, whether they opened them or came later: id, ticket_id, at."""
    # Kept under its own name for the pages, and as id for the merge.
    opening, later = TICKETS.c.opening_message_id, INTERACTIONS.c.message_id
    opened = select(opening, opening.label("id"), TICKETS.c.id.label("ticket_id"), TICKETS.c.opened_at.label("at"))
    entry = INTERACTIONS.c.id.label("entry_id")
    added = select(later, later.label("id"), INTERACTIONS.c.ticket_id, INTERACTIONS.c.at, entry)
    received = added.where(INTERACTIONS.c.kind == RECEIVED)
    return merge(ticket.rows(opened, opening), ticket.rows(received, later, entry), key=by_id)


def every_message_occurred(looks: Looks) -> Iterator[Finding]:
    mail, routing = looks["mail"], looks["routing"]
    for id, messages, occurrences in side_by_side(arrived(mail), occurred(routing)):
        late = not mail.young(id, *(row.received_at for row in occurrences))
        if not occurrences and late:
            yield Finding(str(id), "this message arrived, and routing has not heard of it: it is on no ticket")
        elif not messages and late:
            yield Finding(str(id), "routing knows this message, and mail has none like it")
        elif messages and occurrences and place(messages[0]) != place(occurrences[0]):
            yield Finding(str(id), "mail and routing have this message in different conversations or organizations")


def place(row: Row[Any]) -> tuple[Any, Any]:
    return row.organization_id, row.conversation_id


def every_occurrence_is_on_its_ticket(looks: Looks) -> Iterator[Finding]:
    routing, ticket = looks["routing"], looks["ticket"]
    for id, occurrences, tickets in side_by_side(occurred(routing), stand(ticket)):
        if len(tickets) > 1:
            yield Finding(str(id), f"this message stands on several tickets: {named(tickets)}")
        if routing.young(id, *(row.done_at for row in occurrences), *(row.at for row in tickets)):
            continue
        state = occurrences[0].state if occurrences else None
        if state is None:
            yield Finding(str(id), f"this message stands on ticket {named(tickets)}, and routing does not know it")
        elif state == "ROUTED" and not tickets:
            yield Finding(
                str(id), f"routing put this message on ticket {occurrences[0].ticket_id}, and it is not there"
            )
        elif state == "ROUTED" and occurrences[0].ticket_id not in {row.ticket_id for row in tickets}:
            there = occurrences[0].ticket_id
            yield Finding(str(id), f"routing put this message on ticket {there}, and it stands on {named(tickets)}")
        elif state in ("WAITING", "DISMISSED") and tickets:
            yield Finding(str(id), f"routing says this message is {state}, and it stands on ticket {named(tickets)}")


def every_message_knows_its_ticket(looks: Looks) -> Iterator[Finding]:
    mail, ticket = looks["mail"], looks["ticket"]
    for id, messages, tickets in side_by_side(arrived(mail), stand(ticket)):
        if mail.young(id, *(row.at for row in tickets)):
            continue
        if not messages:
            yield Finding(str(id), f"this message stands on ticket {named(tickets)}, and mail has none like it")
        elif tickets and messages[0].ticket_id != tickets[0].ticket_id:
            told = messages[0].ticket_id or "none"
            yield Finding(str(id), f"this message stands on ticket {named(tickets)}, and mail shows it on {told}")
        elif not tickets and messages[0].ticket_id and not messages[0].automatic:
            told = messages[0].ticket_id
            yield Finding(str(id), f"mail shows this message on ticket {told}, and it does not stand there")


def named(rows: list[Row[Any]]) -> str:
    return " and ".join(str(row.ticket_id) for row in rows)


def released(ticket: Look) -> Rows:
    at = (
        select(INTERACTIONS.c.at)
        .where(
            INTERACTIONS.c.ticket_id == REPLIES.c.ticket_id,
            INTERACTIONS.c.message_id == REPLIES.c.message_id,
            INTERACTIONS.c.kind == KINDS[Verb.REPLY],
        )
        .limit(1)
        .scalar_subquery()
    )
    own = REPLIES.c.message_id
    query = select(own, own.label("id"), REPLIES.c.ticket_id, REPLIES.c.delivery_state, at.label("at"))
    return ticket.rows(query, own)


def written(mail: Look) -> Rows:
    """What attendants wrote, drafts too; not what is sent by itself."""
    names = ("id", "ticket_id", "delivery_state", "delivery_at")
    query = select(*(MESSAGES.c[name] for name in names))
    return mail.rows(query.where(MESSAGES.c.direction == "OUT", MESSAGES.c.automatic == ""), MESSAGES.c.id)


def every_reply_is_the_same_in_both(looks: Looks) -> Iterator[Finding]:
    ticket, mail = looks["ticket"], looks["mail"]
    for id, replies, messages in side_by_side(released(ticket), written(mail)):
        times = [*(row.at for row in replies), *(row.delivery_at for row in messages)]
        if ticket.young(*times):
            continue
        if words := difference(replies, messages):
            yield Finding(str(id), words)


def difference(replies: list[Row[Any]], messages: list[Row[Any]]) -> str:
    """What ticket and mail disagree about; empty where they agree."""
    if not messages:
        return f"ticket {named(replies)} tells of this reply, and mail has none like it"
    state = messages[0].delivery_state
    if not replies:
        return "" if state == "DRAFT" else f"mail has this reply as {state}, and no ticket released it"
    if replies[0].ticket_id != messages[0].ticket_id:
        return f"this reply is of ticket {named(replies)}, and mail has it on {named(messages)}"
    if state == "DRAFT":
        return f"ticket {named(replies)} released this reply, and mail keeps it as a draft: it is not sent"
    # Nobody is told of what goes back and forth between QUEUED and SENDING.
    told = "QUEUED" if state == "SENDING" else state
    known = replies[0].delivery_state
    return "" if known == told else f"this reply is {state}, and ticket {named(replies)} says {known}"


def every_ticket_is_known_to_mail(looks: Looks) -> Iterator[Finding]:
    ticket, mail = looks["ticket"], looks["mail"]
    names = ("id", "organization_id", "conversation_id", "protocol", "opening_message_id")
    tickets = ticket.rows(select(*(TICKETS.c[name] for name in names), TICKETS.c.opened_at), TICKETS.c.id)
    known = mail.rows(select(*(KNOWN_TICKETS.c[name] for name in names), literal(None)), KNOWN_TICKETS.c.id)
    for id, mine, theirs in side_by_side(tickets, known):
        if ticket.young(id, *(row.opened_at for row in mine)):
            continue
        if not theirs:
            yield Finding(str(id), f"mail has not heard of ticket {mine[0].protocol}: its replies cannot be sent")
        elif not mine:
            yield Finding(str(id), f"mail knows ticket {theirs[0].protocol}, and there is none")
        elif mine[0][: len(names)] != theirs[0][: len(names)]:
            yield Finding(str(id), f"mail has ticket {mine[0].protocol} otherwise than it is")
