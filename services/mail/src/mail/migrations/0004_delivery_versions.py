"""Of two states of a delivery that are told in the wrong order, which one is the newer."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE messages ADD COLUMN delivery_version bigint NOT NULL DEFAULT 0")
