"""The tables of events and idempotency, as first made; called from each service's first migration."""

from alembic import op


def create_event_tables() -> None:
    op.execute("""
        CREATE TABLE outbox (
            position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id uuid NOT NULL,
            type text NOT NULL,
            aggregate text NOT NULL,
            time timestamptz NOT NULL DEFAULT clock_timestamp(),
            payload bytea NOT NULL,
            traceparent text NOT NULL,
            actor text NOT NULL
        );
        CREATE TABLE inbox (
            position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id uuid NOT NULL UNIQUE,
            type text NOT NULL,
            source text NOT NULL,
            aggregate text NOT NULL,
            time timestamptz NOT NULL,
            payload bytea NOT NULL,
            traceparent text NOT NULL,
            actor text NOT NULL,
            received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            attempts int NOT NULL DEFAULT 0,
            next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            last_error text NOT NULL DEFAULT '',
            done_at timestamptz,
            failed_at timestamptz
        );
        -- What is still to be handled, in order: never tried, tried before; and the first of each aggregate. None of
        -- the first two can serve the search for the third, so the planner has no wrong one to choose.
        CREATE INDEX inbox_fresh ON inbox (position) WHERE attempts = 0 AND done_at IS NULL AND failed_at IS NULL;
        CREATE INDEX inbox_tried ON inbox (position) WHERE attempts > 0 AND done_at IS NULL AND failed_at IS NULL;
        CREATE INDEX inbox_first ON inbox (aggregate, position) WHERE done_at IS NULL AND failed_at IS NULL;
        CREATE INDEX inbox_failed ON inbox (position) WHERE failed_at IS NOT NULL AND done_at IS NULL;
        CREATE INDEX inbox_done ON inbox (done_at) WHERE done_at IS NOT NULL;
        CREATE TABLE requests (
            actor_id uuid NOT NULL,
            request_id text NOT NULL,
            fingerprint bytea NOT NULL,
            response bytea,
            at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (actor_id, request_id)
        );
        CREATE INDEX requests_at ON requests (at);
    """)
