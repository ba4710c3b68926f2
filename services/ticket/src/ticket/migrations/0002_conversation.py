"""What a conversation needs: awaiting, marks, service types with their data, links, and what became of replies."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE tickets
            ADD COLUMN awaiting_customer boolean NOT NULL DEFAULT false,
            ADD COLUMN awaiting_until timestamptz,
            ADD COLUMN new_message boolean NOT NULL DEFAULT false,
            ADD COLUMN service_type_id uuid,
            -- {"<field id>": "<id in ticket_values>"}
            ADD COLUMN data jsonb NOT NULL DEFAULT '{}',
            -- Null, as long as there is none but the one that opened it.
            ADD COLUMN last_message_id uuid,
            ADD COLUMN previous_ticket_id uuid REFERENCES tickets;
        -- What may run out, soonest first.
        CREATE INDEX tickets_awaiting ON tickets (awaiting_until)
            WHERE status = 'PENDING' AND awaiting_until IS NOT NULL;
        -- Ids of tickets are UUIDv7: the greatest of a conversation is the one opened last.
        CREATE INDEX tickets_of_conversation ON tickets (conversation_id, id);
        -- A conversation's tickets are a chain: each is continued by one at most.
        CREATE UNIQUE INDEX tickets_previous ON tickets (previous_ticket_id) WHERE previous_ticket_id IS NOT NULL;

        ALTER TABLE interactions ADD COLUMN message_id uuid;
        -- A message of the customer is added once, however often it is told.
        CREATE UNIQUE INDEX interactions_received ON interactions (message_id) WHERE kind = 'MESSAGE_RECEIVED';

        -- The values given for fields of service types: may be personal, so apart from the history and erasable. Kept
        -- after they were replaced, since the history names them.
        CREATE TABLE ticket_values (
            id uuid PRIMARY KEY,
            ticket_id uuid NOT NULL REFERENCES tickets,
            field_id uuid NOT NULL,
            value text NOT NULL,
            -- The value as people read it, where that is something else: a choice's name at that time.
            shown text NOT NULL,
            at timestamptz NOT NULL
        );
        CREATE INDEX ticket_values_ticket ON ticket_values (ticket_id);

        -- Messages of attendants that were released for sending, and what became of each.
        CREATE TABLE replies (
            message_id uuid PRIMARY KEY,
            ticket_id uuid NOT NULL REFERENCES tickets,
            attendant_id uuid NOT NULL,
            request_id text NOT NULL,
            delivery_state text NOT NULL DEFAULT 'QUEUED'
        );
        CREATE INDEX replies_ticket ON replies (ticket_id);

        CREATE TABLE service_types (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            version bigint NOT NULL DEFAULT 1,
            name text NOT NULL,
            -- Empty: the whole organization.
            department_ids uuid[] NOT NULL,
            -- [{"id", "name", "kind", "mandatory", "choices": [{"id", "name"}]}] in the order they are asked in.
            fields jsonb NOT NULL,
            active boolean NOT NULL DEFAULT true
        );
        CREATE INDEX service_types_by_name ON service_types (organization_id, name, id);
        CREATE TABLE closing_rules (
            department_id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            version bigint NOT NULL DEFAULT 1,
            service_type_required boolean NOT NULL
        );
    """)
