"""What leaves: drafts, deliveries, uploads, and what other services say of tickets, organizations, levels and so on."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE messages
            -- Of what leaves from the beginning; of what arrives once the ticket service has said so.
            ADD COLUMN ticket_id uuid,
            ADD COLUMN author_id uuid,
            -- As whom it is sent.
            ADD COLUMN account_id uuid REFERENCES accounts,
            -- The message it answers.
            ADD COLUMN answers_id uuid,
            ADD COLUMN bcc_addresses jsonb NOT NULL DEFAULT '[]',
            ADD COLUMN message_id_header text NOT NULL DEFAULT '',
            ADD COLUMN reply_to_email text NOT NULL DEFAULT '',
            ADD COLUMN delivery_state text
                CHECK (delivery_state IN ('DRAFT', 'QUEUED', 'SENDING', 'SENT', 'FAILED', 'UNKNOWN')),
            ADD COLUMN delivery_detail text NOT NULL DEFAULT '',
            ADD COLUMN delivery_at timestamptz,
            ADD COLUMN refused jsonb NOT NULL DEFAULT '[]',
            ADD CONSTRAINT messages_delivery CHECK ((delivery_state IS NOT NULL) = (direction = 'OUT'));
        CREATE INDEX messages_of_ticket ON messages (ticket_id, received_at, id) WHERE ticket_id IS NOT NULL;
        CREATE INDEX messages_drafts ON messages (received_at) WHERE delivery_state = 'DRAFT';
        CREATE INDEX messages_undelivered ON messages (delivery_at) WHERE delivery_state IN ('FAILED', 'UNKNOWN');
        -- A ticket is acknowledged once, however often it is announced.
        CREATE UNIQUE INDEX messages_acknowledgement ON messages (ticket_id) WHERE automatic = 'acknowledgement';

        CREATE TABLE deliveries (
            id uuid PRIMARY KEY REFERENCES messages,
            kind text NOT NULL CHECK (kind IN ('REPLY', 'ACKNOWLEDGEMENT')),
            -- Empty: the null sender.
            envelope_from text NOT NULL,
            recipients text[] NOT NULL,
            -- The composed mail; empty until it is sent for the first time.
            file_key text NOT NULL DEFAULT '',
            traceparent text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            -- Of the first of the temporary refusals in a row.
            refused_since timestamptz,
            -- Somebody sends it now; when next_at has passed, nobody does any more.
            sending boolean NOT NULL DEFAULT false,
            -- How often its sender died.
            interruptions int NOT NULL DEFAULT 0,
            -- Grows by one with each claim, so that whoever settles it late knows whether it is still theirs.
            attempts int NOT NULL DEFAULT 0,
            next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            last_error text NOT NULL DEFAULT '',
            done_at timestamptz,
            failed_at timestamptz,
            CHECK (done_at IS NULL OR failed_at IS NULL)
        );
        CREATE INDEX deliveries_due ON deliveries (next_at) WHERE done_at IS NULL AND failed_at IS NULL;

        CREATE TABLE uploads (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            ticket_id uuid NOT NULL,
            attendant_id uuid NOT NULL,
            file_name text NOT NULL,
            content_type text NOT NULL,
            size bigint NOT NULL,
            sha256 text NOT NULL,
            file_key text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            -- The reply that holds it; a draft may lose it to another one.
            message_id uuid
        );
        CREATE INDEX uploads_at ON uploads (created_at);
        CREATE INDEX uploads_of_message ON uploads (message_id) WHERE message_id IS NOT NULL;

        CREATE TABLE tickets (
            id uuid PRIMARY KEY,
            version bigint NOT NULL,
            organization_id uuid NOT NULL,
            conversation_id uuid NOT NULL,
            protocol text NOT NULL,
            opening_message_id uuid
        );
        CREATE INDEX tickets_protocol ON tickets (organization_id, protocol);
        CREATE INDEX tickets_conversation ON tickets (conversation_id);
        CREATE TABLE organizations (
            id uuid PRIMARY KEY,
            version bigint NOT NULL,
            time_zone text NOT NULL
        );
        CREATE TABLE departments (
            id uuid PRIMARY KEY,
            version bigint NOT NULL,
            organization_id uuid NOT NULL,
            acknowledgement text NOT NULL
        );
        CREATE TABLE levels (
            id uuid PRIMARY KEY,
            version bigint NOT NULL,
            organization_id uuid NOT NULL,
            account_ids uuid[] NOT NULL
        );
        CREATE TABLE attendants (
            id uuid PRIMARY KEY,
            version bigint NOT NULL,
            organization_id uuid NOT NULL,
            name text NOT NULL
        );
        CREATE TABLE acknowledged (
            organization_id uuid NOT NULL,
            address text NOT NULL,
            at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX acknowledged_address ON acknowledged (organization_id, address, at);
        CREATE INDEX acknowledged_at ON acknowledged (at);
    """)
