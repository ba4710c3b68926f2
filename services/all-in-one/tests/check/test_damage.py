"""Every kind of damage is found, by the promise it breaks, and named."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from all_in_one.check.promises import Promise
from all_in_one.environment import OWNERS

# The house is built and lived in before the first of them, which takes its time on a busy machine.
pytestmark = pytest.mark.timeout(600)

# Of statements that break what the database itself forbids.
ONE = "(SELECT id FROM tickets ORDER BY id LIMIT 1)"
LATE = "clock_timestamp() - interval '1 hour'"
ARRIVED = "(SELECT id FROM messages WHERE direction = 'IN' AND automatic = '' ORDER BY id LIMIT 1)"
REPLY = "(SELECT id FROM messages WHERE direction = 'OUT' AND automatic = '' ORDER BY id LIMIT 1)"
ROUTED = "(SELECT id FROM occurrences WHERE state = 'ROUTED' ORDER BY id LIMIT 1)"


def without_checks(table: str) -> str:
    """Takes away what the table demands of its rows."""
    return f"""DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'c' LOOP
            EXECUTE 'ALTER TABLE {table} DROP CONSTRAINT ' || quote_ident(name);
        END LOOP; END $$"""


def copy_of(table: str, which: str, then: str, key: str = "id") -> tuple[str, ...]:
    """A row a second time, under another id."""
    return (
        f"CREATE TEMP TABLE copy AS SELECT * FROM {table} WHERE {which} LIMIT 1",
        f"UPDATE copy SET {key} = gen_random_uuid()",
        f"INSERT INTO {table} SELECT * FROM copy RETURNING {then}",
    )


@dataclass(frozen=True)
class Damage:
    """The statements; the last one gives the ids that must be named. promise: how the broken one begins."""

    owner: str
    promise: str
    statements: tuple[str, ...]


def of(owner: str, promise: str, *statements: str) -> Damage:
    return Damage(owner, promise, statements)


NUMBERS = "No protocol is given twice"
HISTORY = "The history of a ticket has no gap"
WHOLE = "A started ticket has its holder"
QUEUES = "Each ticket is in the queue"
CHAIN = "A conversation has one live ticket"
IN_HISTORY = "Every reply that was released"
FATE = "Every accepted mail has one fate"
MADE_OF = "Every message that arrived is of an accepted mail"
DELIVERY = "Every released message has exactly one delivery"
SENT_ON = "What is to be sent"
ROUTE_FATE = "Every occurrence has one fate"
HEARD = "Every message that arrived is known to routing"
STANDS = "Every routed message stands"
SHOWN = "Every message is shown on the ticket"
ALIKE = "Every reply in a history"
KNOWN = "Every ticket is known to mail"
COPIES = "Copies of organizations"
PEOPLE = "Copies of publishers"
IDENTITY = "Every identity"

TICKET = {
    "a protocol given twice": of(
        "ticket",
        NUMBERS,
        "ALTER TABLE tickets DROP CONSTRAINT tickets_protocol_key",
        f"UPDATE tickets SET protocol = (SELECT protocol FROM tickets WHERE id = {ONE}) "
        "WHERE id = (SELECT id FROM tickets ORDER BY id DESC LIMIT 1) RETURNING protocol",
    ),
    "a protocol that is not registered": of(
        "ticket",
        NUMBERS,
        f"DELETE FROM protocols USING tickets WHERE number = protocol AND tickets.id = {ONE} RETURNING tickets.id",
    ),
    "a protocol of another organization": of(
        "ticket",
        NUMBERS,
        "UPDATE protocols SET organization_id = gen_random_uuid() FROM tickets "
        f"WHERE number = protocol AND tickets.id = {ONE} RETURNING tickets.id",
    ),
    "a history without its beginning": of(
        "ticket", HISTORY, f"DELETE FROM interactions WHERE version = 1 AND ticket_id = {ONE} RETURNING ticket_id"
    ),
    "a history without its end": of(
        "ticket",
        HISTORY,
        "DELETE FROM interactions USING tickets "
        "WHERE tickets.version > 2 AND interactions.version = tickets.version AND tickets.id = ticket_id RETURNING ticket_id",
    ),
    "an entry more than versions": of(
        "ticket",
        HISTORY,
        *copy_of("interactions", "kind = 'STARTED'", "ticket_id")[:2],
        "UPDATE copy SET version = version + 100",
        "INSERT INTO interactions SELECT * FROM copy RETURNING ticket_id",
    ),
    "an entry that begins where none ended": of(
        "ticket",
        HISTORY,
        """UPDATE interactions SET changes = jsonb_set(changes, '{0,before}', '"TRANSFERRED"')
        WHERE kind = 'STARTED' RETURNING ticket_id""",
    ),
    "an entry that says nothing a ticket can be": of(
        "ticket",
        HISTORY,
        """UPDATE interactions SET changes = jsonb_set(changes, '{0,after}', '"NONSENSE"')
        WHERE kind = 'OPENED' RETURNING ticket_id""",
    ),
    "an interaction counted that is none": of(
        "ticket", HISTORY, "UPDATE interactions SET counted = true WHERE kind = 'OPENED' RETURNING ticket_id"
    ),
    "a count that is wrong": of(
        "ticket", HISTORY, f"UPDATE tickets SET interactions = interactions + 1 WHERE id = {ONE} RETURNING id"
    ),
    "another last message": of(
        "ticket", HISTORY, f"UPDATE tickets SET last_message_id = gen_random_uuid() WHERE id = {ONE} RETURNING id"
    ),
    "the last message lost": of(
        "ticket",
        HISTORY,
        "UPDATE tickets SET last_message_id = NULL WHERE last_message_id <> opening_message_id RETURNING id",
    ),
    "a guard of the history disabled": of(
        "ticket",
        "Nobody can rewrite",
        "ALTER TABLE interactions DISABLE TRIGGER interactions_append_only",
        "SELECT 'interactions_append_only'",
    ),
    "a guard of the history gone": of(
        "ticket",
        "Nobody can rewrite",
        "DROP TRIGGER interactions_never_emptied ON interactions",
        "SELECT 'interactions_never_emptied'",
    ),
    "a started ticket that nobody holds": of(
        "ticket",
        WHOLE,
        without_checks("tickets"),
        "UPDATE tickets SET holder_id = NULL WHERE status = 'STARTED' RETURNING id",
    ),
    "released by nobody": of(
        "ticket", WHOLE, "UPDATE tickets SET released = true WHERE status = 'OPEN' AND holder_id IS NULL RETURNING id"
    ),
    "waiting for nobody, until a moment": of(
        "ticket", WHOLE, f"UPDATE tickets SET awaiting_until = {LATE} WHERE status = 'OPEN' RETURNING id"
    ),
    "pending without waiting": of(
        "ticket", WHOLE, "UPDATE tickets SET awaiting_customer = false WHERE status = 'PENDING' RETURNING id"
    ),
    "closed and marked": of(
        "ticket", WHOLE, "UPDATE tickets SET new_message = true WHERE status = 'CLOSED' RETURNING id"
    ),
    "in another queue": of(
        "ticket",
        QUEUES,
        "ALTER TABLE tickets ALTER COLUMN queue_key DROP EXPRESSION",
        f"UPDATE tickets SET queue_key = 'l:' || gen_random_uuid() WHERE id = {ONE} RETURNING id",
    ),
    "a level of another department": of(
        "ticket", QUEUES, f"UPDATE tickets SET department_id = gen_random_uuid() WHERE id = {ONE} RETURNING id"
    ),
    "a level that nobody knows": of(
        "ticket",
        QUEUES,
        "WITH gone AS (DELETE FROM levels WHERE id IN (SELECT level_id FROM tickets LIMIT 1) RETURNING id) "
        "SELECT tickets.id FROM tickets JOIN gone ON gone.id = level_id",
    ),
    "two live tickets of one conversation": of(
        "ticket",
        CHAIN,
        "DROP INDEX tickets_conversation",
        "UPDATE tickets SET status = 'OPEN' WHERE status = 'CLOSED' RETURNING conversation_id",
    ),
    "a chain that is torn": of(
        "ticket",
        CHAIN,
        "UPDATE tickets SET previous_ticket_id = NULL WHERE previous_ticket_id IS NOT NULL RETURNING conversation_id",
    ),
    "a chain into another conversation": of(
        "ticket",
        CHAIN,
        f"UPDATE tickets SET previous_ticket_id = {ONE} WHERE previous_ticket_id IS NOT NULL RETURNING conversation_id",
    ),
    "a chain over organizations": of(
        "ticket",
        CHAIN,
        "UPDATE tickets SET organization_id = gen_random_uuid() "
        "WHERE previous_ticket_id IS NOT NULL RETURNING conversation_id",
    ),
    "a ticket that is continued twice": of(
        "ticket",
        CHAIN,
        "DROP INDEX tickets_previous",
        *copy_of("tickets", "previous_ticket_id IS NOT NULL", "conversation_id")[:2],
        "UPDATE copy SET protocol = '20000101000000000', opening_message_id = gen_random_uuid(), status = 'CLOSED'",
        "ALTER TABLE copy DROP COLUMN queue_key",
        """DO $$ DECLARE names text; BEGIN
            SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO names FROM pg_attribute
                WHERE attrelid = 'copy'::regclass AND attnum > 0 AND NOT attisdropped;
            EXECUTE format('INSERT INTO tickets (%s) SELECT %s FROM copy', names, names); END $$""",
        "SELECT conversation_id FROM copy",
    ),
    "a reply that the history does not tell": of(
        "ticket", IN_HISTORY, "DELETE FROM interactions WHERE kind = 'REPLIED' RETURNING message_id"
    ),
    "a reply in the history that was not released": of(
        "ticket", IN_HISTORY, "DELETE FROM replies RETURNING message_id"
    ),
    "data that is not there": of(
        "ticket", "The data of service types", "DELETE FROM ticket_values RETURNING ticket_id"
    ),
    "a ticket that does not come back": of(
        "ticket",
        "A ticket whose waiting",
        f"UPDATE tickets SET awaiting_until = {LATE} WHERE status = 'PENDING' RETURNING id",
    ),
}
ROUTING = {
    "an occurrence that waits": of(
        "routing",
        "Every occurrence is routed in time",
        f"UPDATE occurrences SET state = 'NEW', ticket_id = NULL, done_at = NULL, received_at = {LATE} "
        f"WHERE id = {ROUTED} RETURNING id",
    ),
    "an occurrence given up": of(
        "routing",
        "No occurrence was given up",
        "UPDATE occurrences SET state = 'NEW', ticket_id = NULL, done_at = NULL, failed_at = now() "
        f"WHERE id = {ROUTED} RETURNING id",
    ),
    "routed to no ticket": of(
        "routing",
        ROUTE_FATE,
        without_checks("occurrences"),
        f"UPDATE occurrences SET ticket_id = NULL WHERE id = {ROUTED} RETURNING id",
    ),
    "new and ended": of(
        "routing",
        ROUTE_FATE,
        without_checks("occurrences"),
        f"UPDATE occurrences SET state = 'NEW', ticket_id = NULL WHERE id = {ROUTED} RETURNING id",
    ),
    "dismissed for no reason": of(
        "routing", ROUTE_FATE, "UPDATE occurrences SET reason = '' WHERE state = 'DISMISSED' RETURNING id"
    ),
    "a rule that leads nowhere": of(
        "routing", "Every rule leads", "UPDATE rules SET level_id = gen_random_uuid() RETURNING id"
    ),
}
MAIL = {
    "a mail without its message": of("mail", FATE, f"DELETE FROM messages WHERE id = {ARRIVED} RETURNING raw_mail_id"),
    "a mail with two messages": of(
        "mail",
        FATE,
        "ALTER TABLE messages DROP CONSTRAINT messages_raw_mail_id_key",
        *copy_of("messages", "direction = 'IN'", "raw_mail_id"),
    ),
    "a mail in quarantine that is a message": of(
        "mail",
        FATE,
        "UPDATE raw_mails SET done_at = NULL, failed_at = now() "
        "WHERE id = (SELECT id FROM raw_mails ORDER BY id LIMIT 1) RETURNING id",
    ),
    "a mail that waits": of(
        "mail",
        "Every accepted mail is ingested",
        f"UPDATE raw_mails SET done_at = NULL, received_at = {LATE} "
        "WHERE id = (SELECT id FROM raw_mails ORDER BY id LIMIT 1) RETURNING id",
    ),
    "a message of no mail": of(
        "mail", MADE_OF, f"UPDATE messages SET raw_mail_id = NULL WHERE id = {ARRIVED} RETURNING id"
    ),
    "a message whose mail is gone": of(
        "mail", MADE_OF, f"UPDATE messages SET raw_mail_id = gen_random_uuid() WHERE id = {ARRIVED} RETURNING id"
    ),
    "a message in no conversation": of(
        "mail", MADE_OF, f"UPDATE messages SET conversation_id = gen_random_uuid() WHERE id = {ARRIVED} RETURNING id"
    ),
    "a message in a stranger's conversation": of(
        "mail",
        MADE_OF,
        "UPDATE conversations SET organization_id = gen_random_uuid() FROM messages "
        f"WHERE conversations.id = conversation_id AND messages.id = {ARRIVED} RETURNING messages.id",
    ),
    "a machine's answer to nothing": of(
        "mail",
        "What machines answer",
        "UPDATE messages SET answers_id = gen_random_uuid() WHERE direction = 'IN' AND answers_id IS NOT NULL RETURNING id",
    ),
    "a machine's answer on another ticket": of(
        "mail",
        "What machines answer",
        "UPDATE messages SET ticket_id = gen_random_uuid() WHERE direction = 'IN' AND answers_id IS NOT NULL RETURNING id",
    ),
    "a reply without delivery": of("mail", DELIVERY, f"DELETE FROM deliveries WHERE id = {REPLY} RETURNING id"),
    "a reply with two deliveries": of(
        "mail",
        DELIVERY,
        "ALTER TABLE deliveries DROP CONSTRAINT deliveries_pkey",
        f"INSERT INTO deliveries SELECT * FROM deliveries WHERE id = {REPLY} RETURNING id",
    ),
    "a draft with a delivery": of(
        "mail", DELIVERY, f"UPDATE messages SET delivery_state = 'DRAFT' WHERE id = {REPLY} RETURNING id"
    ),
    "queued, and its delivery ended": of(
        "mail", DELIVERY, f"UPDATE messages SET delivery_state = 'QUEUED' WHERE id = {REPLY} RETURNING id"
    ),
    "sent, and its delivery open": of(
        "mail", DELIVERY, f"UPDATE deliveries SET done_at = NULL WHERE id = {REPLY} RETURNING id"
    ),
    "sent, and its delivery failed": of(
        "mail", DELIVERY, f"UPDATE deliveries SET done_at = NULL, failed_at = now() WHERE id = {REPLY} RETURNING id"
    ),
    "two acknowledgements": of(
        "mail",
        "No ticket is acknowledged twice",
        "DROP INDEX messages_acknowledgement",
        *copy_of("messages", "automatic = 'acknowledgement'", "ticket_id"),
    ),
    "a delivery nobody sends": of(
        "mail", SENT_ON, f"UPDATE deliveries SET done_at = NULL, next_at = {LATE} WHERE id = {REPLY} RETURNING id"
    ),
    "a delivery refused for ever": of(
        "mail",
        SENT_ON,
        "UPDATE deliveries SET done_at = NULL, next_at = now() + interval '1 hour', "
        f"refused_since = now() - interval '9 days' WHERE id = {REPLY} RETURNING id",
    ),
    "a delivery put off for ever": of(
        "mail",
        SENT_ON,
        f"UPDATE deliveries SET done_at = NULL, next_at = now() + interval '9 days' WHERE id = {REPLY} RETURNING id",
    ),
}
PUBLISHER = {
    "an identity of nobody": of(
        "publisher", IDENTITY, "UPDATE identities SET publisher_id = gen_random_uuid() RETURNING publisher_id"
    ),
    "an identity of another organization": of(
        "publisher", IDENTITY, "UPDATE identities SET organization_id = gen_random_uuid() RETURNING publisher_id"
    ),
    "a publisher without identity": of(
        "publisher", "Every publisher has", "DELETE FROM identities RETURNING publisher_id"
    ),
}
BETWEEN = {
    "a message routing has not heard of": of(
        "routing", HEARD, f"DELETE FROM occurrences WHERE id = {ROUTED} RETURNING id"
    ),
    "an occurrence without message": of("mail", HEARD, f"DELETE FROM messages WHERE id = {ARRIVED} RETURNING id"),
    "another conversation": of(
        "routing", HEARD, f"UPDATE occurrences SET conversation_id = gen_random_uuid() WHERE id = {ROUTED} RETURNING id"
    ),
    "routed to a ticket on which it does not stand": of(
        "ticket", STANDS, "DELETE FROM interactions WHERE kind = 'MESSAGE_RECEIVED' RETURNING message_id"
    ),
    "routed to another ticket": of(
        "routing", STANDS, f"UPDATE occurrences SET ticket_id = gen_random_uuid() WHERE id = {ROUTED} RETURNING id"
    ),
    "on a ticket, and unknown to routing": of(
        "routing", STANDS, f"DELETE FROM occurrences WHERE id = {ROUTED} RETURNING id"
    ),
    "dismissed, and on a ticket": of(
        "routing",
        STANDS,
        "UPDATE occurrences SET state = 'DISMISSED', reason = 'AUTOMATIC', ticket_id = NULL "
        f"WHERE id = {ROUTED} RETURNING id",
    ),
    "on two tickets": of(
        "ticket",
        STANDS,
        "UPDATE tickets SET opening_message_id = (SELECT message_id FROM interactions WHERE kind = 'MESSAGE_RECEIVED') "
        f"WHERE id = {ONE} RETURNING opening_message_id",
    ),
    "shown on no ticket": of("mail", SHOWN, f"UPDATE messages SET ticket_id = NULL WHERE id = {ARRIVED} RETURNING id"),
    "shown on another ticket": of(
        "mail", SHOWN, f"UPDATE messages SET ticket_id = gen_random_uuid() WHERE id = {ARRIVED} RETURNING id"
    ),
    "shown on a ticket on which it does not stand": of(
        "ticket", SHOWN, "DELETE FROM interactions WHERE kind = 'MESSAGE_RECEIVED' RETURNING message_id"
    ),
    "on a ticket, and mail has none like it": of(
        "mail", SHOWN, f"DELETE FROM messages WHERE id = {ARRIVED} RETURNING id"
    ),
    "a reply mail does not have": of("mail", ALIKE, f"DELETE FROM messages WHERE id = {REPLY} RETURNING id"),
    "a reply mail keeps as a draft": of(
        "mail", ALIKE, f"UPDATE messages SET delivery_state = 'DRAFT' WHERE id = {REPLY} RETURNING id"
    ),
    "a reply no ticket released": of("ticket", ALIKE, "DELETE FROM replies RETURNING message_id"),
    "a reply on another ticket": of(
        "mail", ALIKE, f"UPDATE messages SET ticket_id = gen_random_uuid() WHERE id = {REPLY} RETURNING id"
    ),
    "a failure the ticket was not told of": of(
        "mail", ALIKE, f"UPDATE messages SET delivery_state = 'FAILED' WHERE id = {REPLY} RETURNING id"
    ),
    "a ticket mail has not heard of": of("mail", KNOWN, f"DELETE FROM tickets WHERE id = {ONE} RETURNING id"),
    "a ticket only mail knows": of("mail", KNOWN, *copy_of("tickets", "true", "id")),
    "another protocol in mail": of(
        "mail", KNOWN, f"UPDATE tickets SET protocol = '20000101000000000' WHERE id = {ONE} RETURNING id"
    ),
    "an account that rules and levels name, and mail lacks": of(
        "mail", "Rules and levels name", "DELETE FROM accounts RETURNING id"
    ),
    "a publisher the ticket does not know": of("ticket", PEOPLE, "DELETE FROM publishers RETURNING id"),
    "a publisher renamed in the copy": of("ticket", PEOPLE, "UPDATE publishers SET name = 'Outra' RETURNING id"),
    "an old copy of a publisher": of("publisher", PEOPLE, "UPDATE publishers SET version = 7 RETURNING id"),
}
REFERENCES = {
    f"{table} {how} in {keeper}": of(keeper, COPIES, statement.format(table=table))
    for keeper, tables in (
        ("ticket", ("organizations", "departments", "levels", "attendants")),
        ("mail", ("organizations", "departments", "levels", "attendants")),
    )
    for table in tables
    for how, statement in {
        "missing": "DELETE FROM {table} WHERE id = (SELECT id FROM {table} LIMIT 1) RETURNING id",
        "old": "UPDATE {table} SET version = version - 1 RETURNING id",
        "too new": "UPDATE {table} SET version = version + 1 RETURNING id",
        "of nothing": "UPDATE {table} SET id = gen_random_uuid() RETURNING id",
    }.items()
}
DIFFERENT = {
    "another name": of("ticket", COPIES, "UPDATE departments SET name = 'Outro' RETURNING id"),
    "another department of a level": of(
        "ticket", COPIES, "UPDATE levels SET department_id = gen_random_uuid() RETURNING id"
    ),
    "one more level of an attendant": of(
        "ticket", COPIES, "UPDATE attendants SET level_ids = level_ids || gen_random_uuid() RETURNING id"
    ),
    "another role": of(
        "ticket",
        COPIES,
        """UPDATE attendants SET roles = '[{"role": "SUPERVISOR", "department_id": ""}]'
        WHERE roles = '[]' RETURNING id""",
    ),
    "other words of acknowledgement": of("mail", COPIES, "UPDATE departments SET acknowledgement = 'Olá' RETURNING id"),
    "other accounts of a level": of("mail", COPIES, "UPDATE levels SET account_ids = '{}' RETURNING id"),
}
NEW_EVENT = "gen_random_uuid(), 'guiche.test.v1.Something', 'x', '', '', ''"
QUEUED = {
    f"{what} of {owner}": of(owner, promise, statement)
    for owner in OWNERS
    for what, promise, statement in (
        (
            "an event not told",
            "What happened here is told",
            f"INSERT INTO outbox (id, type, aggregate, payload, traceparent, actor, time) VALUES ({NEW_EVENT}, {LATE}) "
            "RETURNING id",
        ),
        (
            "an event not handled",
            "What others told",
            "INSERT INTO inbox (id, type, aggregate, payload, traceparent, actor, source, time, received_at) "
            f"VALUES ({NEW_EVENT}, 'x', now(), {LATE}) RETURNING id",
        ),
        (
            "an event given up",
            "No event was given up",
            "INSERT INTO inbox (id, type, aggregate, payload, traceparent, actor, source, time, failed_at) "
            f"VALUES ({NEW_EVENT}, 'x', now(), {LATE}) RETURNING id",
        ),
    )
}
DAMAGES = {**TICKET, **ROUTING, **MAIL, **PUBLISHER, **BETWEEN, **REFERENCES, **DIFFERENT, **QUEUED}
# The facts of a ticket, each changed behind its history's back.
FACTS = {
    "status": "'ANSWERED'",
    "department_id": "gen_random_uuid()",
    "level_id": "gen_random_uuid()",
    "holder_id": "gen_random_uuid()",
    "released": "NOT released",
    "awaiting_customer": "NOT awaiting_customer",
    "awaiting_until": "now()",
    "new_message": "NOT new_message",
    "priority": "'HIGH'",
    "service_type_id": "gen_random_uuid()",
    "data": """jsonb_build_object(gen_random_uuid(), gen_random_uuid())""",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_damage_is_found_and_named(copied: Callable, damage: Damage) -> None:
    house = copied(damage.owner)
    ids = house.execute(damage.owner, *damage.statements)
    assert ids, "the damage is done"
    (broken,) = house.check(only=lambda promise: told_by(promise, damage)).values()
    assert not broken.unseen
    assert set(ids) <= {finding.what for finding in broken.findings}
    assert all(finding.words for finding in broken.findings)


def told_by(promise: Promise, damage: Damage) -> bool:
    return promise.words.startswith(damage.promise) and promise.of in (damage.owner, "together")


@pytest.mark.parametrize("fact", FACTS)
def test_each_fact_of_a_ticket_is_compared_with_its_history(copied: Callable, fact: str) -> None:
    house = copied("ticket")
    statement = f"UPDATE tickets SET {fact} = {FACTS[fact]} WHERE id = {ONE} RETURNING id"
    (id,) = house.execute("ticket", without_checks("tickets"), statement)
    (broken,) = house.check(only=lambda promise: promise.words.startswith(HISTORY)).values()
    ((what, words),) = ((finding.what, finding.words) for finding in broken.findings)
    assert (what, words.endswith(fact)) == (id, True)
