"""Publishers and the identities they are known by."""

from alembic import op

from servicekit.alembic.tables import create_event_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_event_tables()
    op.execute("""
        CREATE TABLE publishers (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            name text NOT NULL CHECK (name <> ''),
            version bigint NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT now()
        );
        -- The identity is claimed before its publisher is made, hence deferred: who loses the claim makes none.
        CREATE TABLE identities (
            organization_id uuid NOT NULL,
            kind text NOT NULL,
            value text NOT NULL,
            publisher_id uuid NOT NULL REFERENCES publishers DEFERRABLE INITIALLY DEFERRED,
            PRIMARY KEY (organization_id, kind, value)
        );
        CREATE INDEX identities_publisher ON identities (publisher_id);
    """)
