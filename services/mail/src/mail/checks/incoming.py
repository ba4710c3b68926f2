"""What was accepted, and what became of it."""

from collections.abc import Iterator

from sqlalchemy import func, select, tuple_

from mail.storage.tables import CONVERSATIONS, MESSAGES, RAW_MAILS
from servicekit.checking import Finding, Look


def every_mail_has_one_fate(look: Look) -> Iterator[Finding]:
    made = select(func.count()).where(MESSAGES.c.raw_mail_id == RAW_MAILS.c.id).scalar_subquery().label("messages")
    for _, rows in look.pages(select(RAW_MAILS.c.id, RAW_MAILS.c.state, made), RAW_MAILS.c.id):
        for row in rows:
            wanted = 1 if row.state == "INGESTED" else 0
            if row.messages != wanted:
                yield Finding(str(row.id), f"this mail is {row.state} and became {row.messages} messages, not {wanted}")


def none_is_accepted_twice(look: Look) -> Iterator[Finding]:
    """Each row would have its fate, on a ticket of its own.

    Counted by what makes two deliveries the same mail: one index has all of it, so that no row need be read.
    """
    same = (RAW_MAILS.c.account_id, RAW_MAILS.c.message_id, RAW_MAILS.c.content_hash)
    for connection, rows in look.pages(select(*same, func.count().label("times")).group_by(*same), *same):
        twice = [tuple(row[: len(same)]) for row in rows if row.times > 1]
        if twice:
            for id in connection.scalars(select(RAW_MAILS.c.id).where(tuple_(*same).in_(twice))):
                yield Finding(str(id), "this mail was accepted more than once in its mailbox")


def every_message_has_its_mail(look: Look) -> Iterator[Finding]:
    """And stands in a conversation of the organization that received it."""
    query = (
        select(
            MESSAGES.c.id,
            MESSAGES.c.direction,
            MESSAGES.c.raw_mail_id,
            RAW_MAILS.c.organization_id.label("received_by"),
            CONVERSATIONS.c.organization_id.label("said_in"),
        )
        .outerjoin(RAW_MAILS, RAW_MAILS.c.id == MESSAGES.c.raw_mail_id)
        .outerjoin(CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id)
    )
    for _, rows in look.pages(query, MESSAGES.c.id):
        for row in rows:
            if (row.direction == "IN") is not (row.raw_mail_id is not None):
                yield Finding(str(row.id), f"this message is {row.direction}, and its mail is {row.raw_mail_id}")
            elif row.direction == "IN" and row.received_by is None:
                yield Finding(str(row.id), f"there is no mail {row.raw_mail_id}, of which this message was made")
            elif row.said_in is None:
                yield Finding(str(row.id), "this message is in a conversation that does not exist")
            elif row.direction == "IN" and row.received_by != row.said_in:
                yield Finding(str(row.id), "this message is in a conversation of another organization")


def answers_follow_their_message(look: Look) -> Iterator[Finding]:
    """What machines answer goes to no ticket by itself.

    All messages are read, since one statement could take too long to find the few that answer among millions.
    """
    answered = MESSAGES.alias("answered")
    query = (
        select(
            MESSAGES.c.id,
            MESSAGES.c.direction,
            MESSAGES.c.answers_id,
            MESSAGES.c.ticket_id,
            answered.c.id.label("answered"),
            answered.c.ticket_id.label("of"),
        )
    ).outerjoin(answered, answered.c.id == MESSAGES.c.answers_id)
    for _, rows in look.pages(query, MESSAGES.c.id):
        for row in rows:
            if row.direction != "IN" or row.answers_id is None:
                continue
            if row.answered is None:
                yield Finding(str(row.id), "this answer of a machine is to a message that does not exist")
            elif row.ticket_id != row.of and not look.young(row.id, row.answered):
                yield Finding(str(row.id), f"it answers a message of ticket {row.of}, and stands on {row.ticket_id}")
