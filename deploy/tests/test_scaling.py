"""What KEDA is told to ask is answered by the mail database as it is."""

from uuid import uuid4

import pytest
from rendering import named, rendered
from sqlalchemy import text

from servicekit.database import Database
from servicekit.testing import MakeDatabase

# By mail: when it is due, done and given up, as SQL.
WAITING = ("now() - interval '1 minute'", "NULL", "NULL")
MAILS = (
    WAITING,
    WAITING,
    WAITING,
    ("now() + interval '1 minute'", "NULL", "NULL"),
    ("now() - interval '1 minute'", "now()", "NULL"),
    ("now() - interval '1 minute'", "NULL", "now()"),
)


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    return make_database("mail")


def test_mails_that_are_due_are_counted_and_no_others(database: Database) -> None:
    organization, account = uuid4(), uuid4()
    with database.transaction() as connection:
        connection.execute(
            text("INSERT INTO accounts (id, organization_id, address) VALUES (:a, :o, 'a@b')"),
            {"a": account, "o": organization},
        )
        for number, (due, done, failed) in enumerate(MAILS):
            connection.execute(
                text(f"""
                    INSERT INTO raw_mails (id, account_id, organization_id, message_id, content_hash, reference_ids,
                        sender, recipient, size, file_key, received_at, traceparent, next_at, done_at, failed_at)
                    VALUES (:id, :a, :o, :message, '', '{{}}', '', '', 1, '', now(), '', {due}, {done}, {failed})"""),
                {"id": uuid4(), "a": account, "o": organization, "message": f"<{number}@x>"},
            )
    (trigger,) = named(rendered("everything"), "ScaledObject", "guiche-mail-ingest")["spec"]["triggers"]
    with database.transaction() as connection:
        assert connection.scalar(text(trigger["metadata"]["query"])) == 3
