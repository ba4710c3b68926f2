"""Where services contradict each other."""

from damage import ARRIVED, ONE, REPLY, ROUTED, copy_of, of

HEARD = "Every message that arrived is known to routing"
STANDS = "Every routed message stands"
SHOWN = "Every message is shown on the ticket"
ALIKE = "Every reply in a history"
KNOWN = "Every ticket is known to mail"
COPIES = "Copies of organizations"
PEOPLE = "Copies of publishers"

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
