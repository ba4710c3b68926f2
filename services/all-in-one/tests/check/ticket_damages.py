"""What may break in ticket's own tables, and the facts of a ticket."""

from damage import LATE, ONE, copy_of, of, without_checks

NUMBERS = "No protocol is given twice"
HISTORY = "The history of a ticket has no gap"
WHOLE = "A started ticket has its holder"
QUEUES = "Each ticket is in the queue"
NAMED = "The holder, publisher and service type"
CHAIN = "A conversation has one live ticket"
IN_HISTORY = "Every reply that was released"

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
    **{
        f"a {what} that nobody knows": of(
            "ticket",
            NAMED,
            f"UPDATE tickets SET {what}_id = gen_random_uuid() WHERE {what}_id IS NOT NULL RETURNING id",
        )
        for what in ("holder", "publisher", "service_type")
    },
    **{
        f"a {what} of another organization": of(
            "ticket",
            NAMED,
            f"UPDATE {table} SET organization_id = gen_random_uuid() FROM tickets "
            f"WHERE {table}.id = {what}_id RETURNING tickets.id",
        )
        for what, table in (("holder", "attendants"), ("publisher", "publishers"), ("service_type", "service_types"))
    },
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
