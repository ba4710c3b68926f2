"""What mail is to know of departments and levels: the words of the acknowledgement, the accounts that may answer."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        -- Empty: the product's own words.
        ALTER TABLE departments ADD COLUMN acknowledgement text NOT NULL DEFAULT '';
        -- Accounts are mail's and taken as given, as in rules.
        CREATE TABLE level_accounts (
            organization_id uuid NOT NULL,
            level_id uuid NOT NULL,
            account_id uuid NOT NULL,
            PRIMARY KEY (level_id, account_id),
            FOREIGN KEY (organization_id, level_id) REFERENCES levels (organization_id, id)
        );
    """)
