"""What may break in mail's own tables; its files: test_files_and_queues."""

from damage import ARRIVED, LATE, REPLY, copy_of, of

FATE = "Every accepted mail has one fate"
ONCE = "No mail was accepted twice"
MADE_OF = "Every message that arrived is of an accepted mail"
DELIVERY = "Every released message has exactly one delivery"
SENT_ON = "What is to be sent"

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
    "the same mail twice in a mailbox": of(
        "mail",
        ONCE,
        "ALTER TABLE raw_mails DROP CONSTRAINT raw_mails_account_id_message_id_content_hash_key",
        "CREATE TEMP TABLE copy AS SELECT * FROM raw_mails WHERE done_at IS NOT NULL ORDER BY id LIMIT 1",
        # The state follows from the rest.
        "ALTER TABLE copy DROP COLUMN state",
        "UPDATE copy SET id = gen_random_uuid()",
        "INSERT INTO raw_mails SELECT * FROM copy RETURNING id",
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
