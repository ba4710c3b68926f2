"""The service as its processes, on a real broker."""

import smtplib
import subprocess
import sys

import pytest
from mail_support import MAILBOX, mail
from process_support import run
from sqlalchemy import text

from mail.storage.tables import MESSAGES, RAW_MAILS
from servicekit.testing import eventually


def send(port: int, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.sendmail("ana@example.com", MAILBOX, raw)


def test_a_mail_sent_by_smtp_becomes_a_message_by_way_of_a_hint_and_processes_end_when_told(start, account, rows):
    receiver, ingest = start("receiver"), start("ingest")
    port = receiver.port()
    send(port, mail())
    eventually(lambda: rows(MESSAGES), 60)
    assert ingest.stop() == 0
    assert receiver.stop() == 0


def test_without_a_broker_mail_is_accepted_and_the_scheduler_makes_up_for_lost_hints(start, account, rows):
    receiver = start("receiver", GUICHE_RABBITMQ_URL="amqp://guest:guest@127.0.0.1:1/nowhere")
    send(receiver.port(), mail())
    assert len(rows(RAW_MAILS)) == 1
    scheduler, ingest = start("scheduler"), start("ingest")
    eventually(lambda: rows(MESSAGES), 60)
    assert scheduler.stop() == 0
    assert ingest.stop() == 0


# A commit that waits for lock 42, like one on a slow disk.
SLOW_COMMIT = """
    CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON raw_mails DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION slow_commit();
"""


def test_a_receiver_killed_between_its_commit_and_its_answer_keeps_the_mail_once(start, account, rows, database):
    with database.transaction() as connection:
        connection.execute(text(SLOW_COMMIT))
    receiver = start("receiver")
    with smtplib.SMTP("127.0.0.1", receiver.port(), timeout=20) as client, database.transaction() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(42)"))
        client.ehlo()
        client.docmd("MAIL FROM:<ana@example.com>")
        client.docmd(f"RCPT TO:<{MAILBOX}>")
        client.docmd("DATA")
        client.send(mail() + b".\r\n")
        committing = text("SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event = 'advisory'")
        eventually(lambda: connection.scalar(committing), 20)
        receiver.popen.kill()
        receiver.popen.wait(10)
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            client.getreply()
    [first] = eventually(lambda: rows(RAW_MAILS))
    send(start("receiver").port(), mail())
    assert [row.id for row in rows(RAW_MAILS)] == [first.id]


def test_operators_add_accounts_once_per_address(environment, organization, database):
    added = run(environment, "account", "add", "SAC@Demo.guiche", "--organization", str(organization), "--name", "SAC")
    assert added.returncode == 0, added.stderr
    again = run(
        environment, "account", "add", "sac@demo.guiche", "--organization", str(organization), "--name", "SAC 2"
    )
    assert again.stdout.split()[0] == added.stdout.split()[0]
    assert run(environment, "account", "list").stdout.split()[1:] == [str(organization), "sac@demo.guiche", "SAC", "2"]
    foreign = run(
        environment, "account", "add", "sac@demo.guiche", "--organization", "00000000-0000-4000-8000-000000000000"
    )
    assert foreign.returncode != 0
    assert "already" in foreign.stderr


def test_an_account_with_a_plus_is_refused_since_its_answers_would_go_to_another(environment, organization):
    refused = run(environment, "account", "add", "sac+loja@demo.guiche", "--organization", str(organization))
    assert refused.returncode != 0
    assert "sac+loja@demo.guiche has a plus" in refused.stderr
    assert run(environment, "account", "list").stdout == ""


def test_operators_see_retry_and_read_what_is_in_quarantine(environment, account, database, rows, receiving):
    raw = mail(body=bytes(range(128, 256)))
    receiving().send(raw)
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE raw_mails SET failed_at = now(), attempts = 12, last_error = 'Unparsable: TIME_LIMIT'")
        )
    [row] = rows(RAW_MAILS)
    assert f"{row.id}  {row.received_at.isoformat()}  {MAILBOX}" in run(environment, "quarantine", "list").stdout
    read = subprocess.run(
        [sys.executable, "-m", "mail", "quarantine", "raw", str(row.id)],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert read.stdout == raw
    assert run(environment, "quarantine", "retry", str(row.id)).returncode == 0
    [row] = rows(RAW_MAILS)
    assert (row.state, row.attempts) == ("WAITING", 0)
    assert run(environment, "quarantine", "retry", str(row.id)).returncode != 0
