"""Accounts, raw mails, conversations with their messages and attachments; events."""

from alembic import op

from servicekit.alembic.tables import create_event_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_event_tables()
    op.execute("""
        CREATE TABLE accounts (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            address text NOT NULL UNIQUE CHECK (address = lower(address)),
            name text NOT NULL DEFAULT ''
        );
        CREATE TABLE raw_mails (
            id uuid PRIMARY KEY,
            account_id uuid NOT NULL REFERENCES accounts,
            organization_id uuid NOT NULL,
            message_id text NOT NULL,
            content_hash bytea NOT NULL,
            reference_ids text[] NOT NULL,
            sender text NOT NULL,
            recipient text NOT NULL,
            size bigint NOT NULL,
            file_key text NOT NULL,
            received_at timestamptz NOT NULL,
            traceparent text NOT NULL,
            attempts int NOT NULL DEFAULT 0,
            next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            last_error text NOT NULL DEFAULT '',
            done_at timestamptz,
            failed_at timestamptz,
            -- INGESTED: its message stands. QUARANTINED: set aside with its raw file until a person decides.
            state text NOT NULL GENERATED ALWAYS AS (
                CASE WHEN done_at IS NOT NULL THEN 'INGESTED' WHEN failed_at IS NOT NULL THEN 'QUARANTINED'
                ELSE 'WAITING' END) STORED,
            -- What makes two deliveries the same mail.
            UNIQUE (account_id, message_id, content_hash),
            CHECK (done_at IS NULL OR failed_at IS NULL)
        );
        -- Ids are UUIDv7: the order of arrival.
        CREATE INDEX raw_mails_waiting ON raw_mails (id) WHERE done_at IS NULL AND failed_at IS NULL;
        CREATE INDEX raw_mails_waiting_attempts ON raw_mails (attempts, id)
            WHERE done_at IS NULL AND failed_at IS NULL;
        CREATE INDEX raw_mails_quarantined ON raw_mails (id) WHERE failed_at IS NOT NULL;
        CREATE TABLE conversations (
            id uuid PRIMARY KEY,
            account_id uuid NOT NULL REFERENCES accounts,
            organization_id uuid NOT NULL,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE TABLE messages (
            id uuid PRIMARY KEY,
            conversation_id uuid NOT NULL REFERENCES conversations,
            -- A raw mail becomes one message, whoever ingests it how often. What we send ourselves has none.
            raw_mail_id uuid UNIQUE REFERENCES raw_mails,
            direction text NOT NULL CHECK (direction IN ('IN', 'OUT')),
            sender_name text NOT NULL,
            sender_email text NOT NULL,
            to_addresses jsonb NOT NULL,
            cc_addresses jsonb NOT NULL,
            subject text NOT NULL,
            text text NOT NULL,
            html text NOT NULL,
            snippet text NOT NULL,
            received_at timestamptz NOT NULL,
            date timestamptz,
            warnings text[] NOT NULL,
            automatic text NOT NULL
        );
        CREATE INDEX messages_of_conversation ON messages (conversation_id, received_at, id);
        -- Bodies out of the row from two kilobytes on, and compressed fast; in the default way by a server built without lz4.
        DO $$ BEGIN
            ALTER TABLE messages ALTER COLUMN text SET COMPRESSION lz4;
            ALTER TABLE messages ALTER COLUMN html SET COMPRESSION lz4;
        EXCEPTION WHEN feature_not_supported THEN NULL;
        END $$;
        CREATE TABLE attachments (
            id uuid PRIMARY KEY,
            message_id uuid NOT NULL REFERENCES messages,
            position int NOT NULL,
            file_name text NOT NULL,
            content_type text NOT NULL,
            size bigint NOT NULL,
            sha256 text NOT NULL,
            file_key text NOT NULL,
            content_id text NOT NULL,
            inline boolean NOT NULL,
            UNIQUE (message_id, position)
        );
    """)
