"""How a later mail finds its conversation: ids of headers and who takes part; new text apart from quoted history."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE messages
            -- Empty: it began its conversation.
            ADD COLUMN joined_by text NOT NULL DEFAULT '' CHECK (joined_by IN
                ('', 'REPLY_ADDRESS', 'SIGNED_MESSAGE_ID', 'MESSAGE_ID', 'REFERENCES', 'PROTOCOL')),
            -- Empty: all of the text is new.
            ADD COLUMN new_text text NOT NULL DEFAULT '';
        DO $$ BEGIN
            ALTER TABLE messages ALTER COLUMN new_text SET COMPRESSION lz4;
        EXCEPTION WHEN feature_not_supported THEN NULL;
        END $$;
        -- A parent that is still to be ingested, and the same mail in another mailbox.
        CREATE INDEX raw_mails_waiting_message_id ON raw_mails (organization_id, message_id)
            WHERE done_at IS NULL AND failed_at IS NULL AND message_id <> '';

        CREATE TABLE header_ids (
            organization_id uuid NOT NULL,
            header_id text NOT NULL CHECK (header_id <> ''),
            conversation_id uuid NOT NULL,
            -- A message's own Message-ID, rather than one seen in its References.
            own boolean NOT NULL,
            -- The mailbox it arrived in or was sent from.
            account_id uuid NOT NULL,
            message_id uuid NOT NULL,
            -- Looked up by organization and id, newest conversation first: ids of conversations are UUIDv7.
            PRIMARY KEY (organization_id, header_id, conversation_id, own)
        );
        CREATE TABLE participants (
            conversation_id uuid NOT NULL,
            email text NOT NULL,
            PRIMARY KEY (conversation_id, email)
        );
    """)
    remember_what_stands()


def remember_what_stands() -> None:
    """Mails that came before can be answered too."""
    op.execute("""
        UPDATE messages SET message_id_header = raw_mails.message_id
            FROM raw_mails WHERE raw_mails.id = messages.raw_mail_id AND messages.message_id_header = '';
        INSERT INTO header_ids
            SELECT r.organization_id, r.message_id, m.conversation_id, true, r.account_id, m.id
                FROM messages m JOIN raw_mails r ON r.id = m.raw_mail_id WHERE r.message_id <> ''
            ON CONFLICT DO NOTHING;
        INSERT INTO header_ids
            SELECT r.organization_id, seen.id, m.conversation_id, false, r.account_id, m.id
                FROM messages m JOIN raw_mails r ON r.id = m.raw_mail_id, unnest(r.reference_ids) AS seen (id)
                WHERE seen.id <> ''
            ON CONFLICT DO NOTHING;
        INSERT INTO participants
            SELECT DISTINCT conversation_id, lower(sender_email) FROM messages
                WHERE direction = 'IN' AND sender_email <> '' AND automatic NOT IN ('auto-submitted', 'bounce')
            ON CONFLICT DO NOTHING;
    """)
