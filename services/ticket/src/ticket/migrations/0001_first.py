"""Tickets, their history, their protocols, and the names of what others own."""

from alembic import op

from servicekit.alembic.tables import create_event_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_event_tables()
    op.execute("""
        CREATE TABLE protocols (
            number text PRIMARY KEY CHECK (number ~ '^[0-9]{17}$'),
            organization_id uuid NOT NULL,
            reserved_at timestamptz NOT NULL DEFAULT now()
        );

        CREATE TABLE tickets (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            version bigint NOT NULL DEFAULT 1,
            protocol text NOT NULL UNIQUE,
            subject text NOT NULL,
            snippet text NOT NULL,
            status text NOT NULL CHECK (status IN ('CREATED', 'OPEN', 'STARTED', 'PENDING', 'ANSWERED', 'TRANSFERRED',
                                                   'APPROVAL', 'RESOLVED', 'CLOSED')),
            priority text NOT NULL CHECK (priority IN ('LOW', 'MEDIUM_LOW', 'MEDIUM', 'MEDIUM_HIGH', 'HIGH')),
            platform text NOT NULL,
            department_id uuid NOT NULL,
            level_id uuid NOT NULL,
            holder_id uuid,
            released boolean NOT NULL DEFAULT false,
            publisher_id uuid,
            conversation_id uuid NOT NULL,
            opening_message_id uuid NOT NULL UNIQUE,
            opened_by_kind text NOT NULL,
            opened_by_id uuid,
            occurred_at timestamptz NOT NULL,
            opened_at timestamptz NOT NULL,
            last_activity_at timestamptz NOT NULL,
            interactions int NOT NULL DEFAULT 0,
            -- The queue a ticket stands in: everyone's of its level, or its holder's alone (Q3). Visibility to attendants
            -- is equality with this one value, which makes a page and the counts plain index reads.
            queue_key text NOT NULL GENERATED ALWAYS AS (
                CASE WHEN holder_id IS NULL OR released THEN 'l:' || level_id::text
                     ELSE 'a:' || holder_id::text || '@' || level_id::text END
            ) STORED,
            CHECK (status <> 'STARTED' OR holder_id IS NOT NULL)
        );
        -- A page is the newest few per queue, or per queue and status; the latter's index also gives the counts.
        CREATE INDEX tickets_queue_newest ON tickets (queue_key, last_activity_at DESC, id DESC) WHERE status <> 'CLOSED';
        CREATE INDEX tickets_level_newest ON tickets (level_id, last_activity_at DESC, id DESC) WHERE status <> 'CLOSED';
        CREATE INDEX tickets_queue ON tickets (queue_key, status, last_activity_at DESC, id DESC) WHERE status <> 'CLOSED';
        CREATE INDEX tickets_level ON tickets (level_id, status, last_activity_at DESC, id DESC) WHERE status <> 'CLOSED';
        CREATE INDEX tickets_holder ON tickets (holder_id, last_activity_at DESC, id DESC)
            WHERE status <> 'CLOSED' AND holder_id IS NOT NULL;
        -- One conversation has one live ticket.
        CREATE UNIQUE INDEX tickets_conversation ON tickets (conversation_id) WHERE status <> 'CLOSED';

        CREATE TABLE interactions (
            id uuid PRIMARY KEY,
            ticket_id uuid NOT NULL REFERENCES tickets,
            -- The version of the ticket this entry led to: the order of the history.
            version bigint NOT NULL,
            kind text NOT NULL,
            counted boolean NOT NULL,
            at timestamptz NOT NULL,
            actor_kind text NOT NULL,
            actor_id uuid,
            -- [{"field", "before", "after"}] with codes and ids only: personal values never stand in the history itself.
            changes jsonb NOT NULL,
            UNIQUE (ticket_id, version)
        );
        CREATE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the history of tickets is append-only';
        END $$;
        CREATE TRIGGER interactions_append_only BEFORE UPDATE OR DELETE ON interactions
            FOR EACH ROW EXECUTE FUNCTION history_is_append_only();
        CREATE TRIGGER interactions_never_emptied BEFORE TRUNCATE ON interactions
            FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();

        -- What others own, fed by their events: names to show and memberships to decide by.
        CREATE TABLE organizations (id uuid PRIMARY KEY, version bigint NOT NULL, name text NOT NULL, time_zone text NOT NULL);
        CREATE TABLE departments (
            id uuid PRIMARY KEY, version bigint NOT NULL, organization_id uuid NOT NULL, name text NOT NULL
        );
        CREATE TABLE levels (
            id uuid PRIMARY KEY, version bigint NOT NULL, organization_id uuid NOT NULL, department_id uuid NOT NULL,
            name text NOT NULL, position int NOT NULL
        );
        CREATE INDEX levels_department ON levels (department_id);
        CREATE TABLE attendants (
            id uuid PRIMARY KEY, version bigint NOT NULL, organization_id uuid NOT NULL, name text NOT NULL,
            active boolean NOT NULL, level_ids uuid[] NOT NULL,
            -- [{"role": "SUPERVISOR", "department_id": "<uuid>" or "" for the whole organization}]
            roles jsonb NOT NULL
        );
        CREATE TABLE publishers (
            id uuid PRIMARY KEY, version bigint NOT NULL, organization_id uuid NOT NULL, name text NOT NULL
        );
    """)
