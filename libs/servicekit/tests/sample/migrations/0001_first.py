"""The tables of the sample service."""

from alembic import op

from servicekit.alembic.tables import create_event_tables

revision = "sample_0001"
down_revision = None


def upgrade() -> None:
    create_event_tables()
    op.execute("""
        CREATE TABLE handled (
            n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            aggregate text NOT NULL,
            version bigint NOT NULL,
            name text NOT NULL
        );
        CREATE TABLE work (
            id uuid PRIMARY KEY,
            attempts int NOT NULL DEFAULT 0,
            next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            last_error text NOT NULL DEFAULT '',
            done_at timestamptz,
            failed_at timestamptz
        );
        -- Published with each event under a lock on this row, as an aggregate's own row is in a real service.
        CREATE TABLE aggregates (id text PRIMARY KEY, version bigint NOT NULL DEFAULT 0);
    """)
