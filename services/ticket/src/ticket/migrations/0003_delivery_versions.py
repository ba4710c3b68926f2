"""Of two states of a delivery that are told in the wrong order, which one is the newer."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE replies ADD COLUMN delivery_version bigint NOT NULL DEFAULT 0")
