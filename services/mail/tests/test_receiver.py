"""What a sender's server sees, and what is durable when it sees it."""

import smtplib
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import pytest
from mail_support import MAILBOX, add_account, database_away, mail
from sqlalchemy import text

from mail.metrics import CONNECTIONS, HELD_BYTES
from mail.storage.tables import RAW_MAILS
from servicekit.testing import eventually


def refused(call, *arguments):
    with pytest.raises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as caught:
        call(*arguments)
    error = caught.value
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        [(code, words)] = error.recipients.values()
    else:
        code, words = error.smtp_code, error.smtp_error
    return f"{code} {words.decode()[:5]}"


def test_an_accepted_mail_is_kept_byte_for_byte_with_its_envelope(receiving, account, rows, files):
    raw = mail(headers=b"References: <a@x> <b@x>\r\n", body=b".\r\n..\r\n.hidden\r\n" + bytes(range(128, 256)))
    server = receiving()
    server.send(raw, sender="ana@example.com")
    [row] = rows(RAW_MAILS)
    assert b"".join(files.chunks(row.file_key)) == raw
    assert (row.account_id, row.organization_id) == (account.id, account.organization_id)
    assert (row.message_id, row.reference_ids) == ("1@example.com", ["a@x", "b@x"])
    assert (row.sender, row.recipient, row.size, row.state) == ("ana@example.com", MAILBOX, len(raw), "WAITING")
    assert server.hints == [1]


@pytest.mark.parametrize(
    "raw", [b"\r\n", b".\r\n", b"a\r\n", b"\r\n.\r\n", b"a" * 3_000_000 + b"\r\n", (b"." * 99 + b"\r\n") * 40_000]
)
def test_mails_of_any_shape_arrive_unchanged(receiving, account, rows, files, raw):
    receiving().send(raw)
    [row] = rows(RAW_MAILS)
    assert b"".join(files.chunks(row.file_key)) == raw


def test_a_mail_cut_anywhere_on_the_way_arrives_whole_and_pipelined_commands_are_answered(receiving, account, rows):
    """Also the end of a mail may be torn; what stands behind it in the same packet is the next command."""
    dialogue = (
        f"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{MAILBOX}>\r\nDATA\r\n".encode()
        + b"Subject: a\r\n\r\n..b\r\n.\nnot the end\n.\r\n.\r\nMAIL FROM:<c@d>\r\nQUIT\r\n"
    )
    server = receiving()
    for cut in range(len(dialogue) - 45, len(dialogue), 3):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(dialogue[:cut])
            client.sendall(dialogue[cut:])
            answers = client.makefile("rb").read().split(b"\r\n")
        assert [a[:3] for a in answers[-6:]] == [b"250", b"354", b"250", b"250", b"221", b""]
    [row] = rows(RAW_MAILS)
    assert (row.sender, row.size) == ("", len(b"Subject: a\r\n\r\n.b\r\n.\nnot the end\n.\r\n") - 1)


def test_an_empty_mail_is_a_mail(receiving, account, rows):
    with receiving().connect() as client:
        client.send(f"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{MAILBOX}>\r\nDATA\r\n.\r\nNOOP\r\n")
        assert [client.getreply()[0] for _ in range(6)] == [250, 250, 250, 354, 250, 250]
    assert rows(RAW_MAILS)[0].size == 0


def test_the_second_delivery_of_a_mail_is_accepted_and_kept_once(receiving, account, rows):
    server = receiving()
    server.send(b"Received: from a by b; Mon, 1 Jan 2025 10:00:00 -0300\r\n" + mail())
    server.send(b"Received: from c by d; Mon, 1 Jan 2025 11:00:00 -0300\r\nReceived: from a by c\r\n" + mail())
    assert len(rows(RAW_MAILS)) == 1


def test_mails_that_share_only_their_message_id_are_two(receiving, account, rows):
    server = receiving()
    server.send(mail(body=b"um"))
    server.send(mail(body=b"dois"))
    assert len(rows(RAW_MAILS)) == 2


def test_two_mailboxes_get_a_mail_each_and_one_mailbox_named_twice_gets_one(
    receiving, account, organization, database, rows
):
    other = add_account(database, organization, "financeiro@demo.guiche")
    foreign = add_account(database, uuid4(), "sac@outra.guiche")
    receiving().send(mail(), to=[MAILBOX, "atendimento+loja@demo.guiche", other.address, foreign.address])
    found = {row.account_id: row for row in rows(RAW_MAILS)}
    assert set(found) == {account.id, other.id, foreign.id}
    assert found[account.id].file_key == found[other.id].file_key != found[foreign.id].file_key


def test_a_plus_address_belongs_to_its_mailbox_and_is_remembered(receiving, account, rows):
    receiving().send(mail(), to="Atendimento+Pedido-7@DEMO.guiche")
    [row] = rows(RAW_MAILS)
    assert (row.account_id, row.recipient) == (account.id, "Atendimento+Pedido-7@DEMO.guiche")


@pytest.mark.parametrize("address", ["ninguem@demo.guiche", "atendimento@outra.guiche", "+x@demo.guiche"])
def test_an_unknown_mailbox_is_refused(receiving, account, rows, address):
    assert refused(receiving().send, mail(), address) == "550 5.1.1"
    assert rows(RAW_MAILS) == []


@pytest.mark.parametrize("address", [b"a\0b@demo.guiche", b"\xff\xfe@demo.guiche"], ids=["NUL", "no UTF-8"])
def test_an_address_no_mailbox_can_have_is_unknown_for_good(receiving, address):
    with receiving().connect() as client:
        client.ehlo()
        client.docmd("MAIL FROM:<a@b>")
        client.sock.sendall(b"RCPT TO:<" + address + b">\r\n")
        assert client.getreply()[0] == 550


def test_a_mail_over_the_size_is_refused_before_or_after_its_data(receiving, account, rows):
    server = receiving(smtp_max_size=100_000)
    with server.connect() as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "100000"
        assert refused(client.sendmail, "a@b", MAILBOX, mail(body=b"x" * 200_000)) == "552 5.3.4"
        # Without announcing its size, as HELO clients do; the connection goes on.
        client.docmd("MAIL FROM:<a@b>")
        client.docmd(f"RCPT TO:<{MAILBOX}>")
        assert client.data(b"x" * 3_000_000)[1].startswith(b"5.3.4")
        client.sendmail("a@b", MAILBOX, mail())
    assert [row.message_id for row in rows(RAW_MAILS)] == ["1@example.com"]


@pytest.mark.parametrize("size", [99_999, 100_000, 100_001])
def test_the_size_limit_counts_the_bytes_of_the_mail_alone(receiving, account, size):
    raw = (b".\r\n" * 33_334)[: size - 2] + b"\r\n"
    with receiving(smtp_max_size=100_000).connect() as client:
        client.helo("x")
        client.docmd("MAIL FROM:<a@b>")
        client.docmd(f"RCPT TO:<{MAILBOX}>")
        code, _ = client.data(raw)
    assert code == (250 if size <= 100_000 else 552)


def test_more_recipients_than_allowed_are_for_the_next_transaction(receiving, account, rows):
    server = receiving(smtp_max_recipients=2)
    with server.connect() as client:
        client.helo("x")
        client.docmd("MAIL FROM:<a@b>")
        codes = [client.rcpt(f"atendimento+{n}@demo.guiche") for n in range(4)]
        assert [code for code, _ in codes] == [250, 250, 452, 452]
        assert codes[2][1].startswith(b"4.5.3")
        assert client.data(mail())[0] == 250
    assert len(rows(RAW_MAILS)) == 1


def test_connections_over_the_limit_are_sent_away_until_one_ends(receiving, account):
    server = receiving(smtp_max_connections=1)
    with server.connect():
        assert refused(smtplib.SMTP, "127.0.0.1", server.port) == "421 4.3.2"

    def goes() -> bool:
        try:
            server.send(mail())
        except smtplib.SMTPException:
            return False
        return True

    eventually(goes)


def test_mails_that_do_not_fit_into_memory_are_sent_away_and_the_room_is_free_again(receiving, account, rows):
    server = receiving(smtp_max_held=1_000_000)
    with server.connect() as first, server.connect() as second:
        for client in (first, second):
            client.helo("x")
            client.docmd("MAIL FROM:<a@b>")
            client.docmd(f"RCPT TO:<{MAILBOX}>")
        assert first.docmd("DATA")[0] == 354
        first.send(b"x" * 900_000)
        eventually(lambda: HELD_BYTES._value.get() > 700_000)
        assert second.docmd("DATA")[0] == 354
        try:
            second.send(b"x" * 700_000)
            answer = second.getreply()[0]
        except (ConnectionError, smtplib.SMTPServerDisconnected):
            answer = 421
        assert answer == 421
        first.send(b"\r\n.\r\n")
        assert first.getreply()[0] == 250
    server.send(mail(body=b"y" * 900_000))
    assert len(rows(RAW_MAILS)) == 2


def test_a_silent_client_is_disconnected(receiving, account):
    server = receiving(smtp_idle_seconds=0.2, smtp_data_seconds=0.3)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as idle:
        assert idle.makefile("rb").read().startswith(b"220 mx.demo.guiche")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow:
        slow.sendall(f"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{MAILBOX}>\r\nDATA\r\nSubject: never".encode())
        assert slow.makefile("rb").read().splitlines()[-1].startswith(b"354")


def test_a_receiver_that_ends_takes_the_mail_under_way_and_sends_idle_clients_elsewhere(receiving, account, rows):
    server = receiving()
    with server.connect() as busy, server.connect() as idle:
        idle.helo("x")
        busy.helo("x")
        busy.docmd("MAIL FROM:<a@b>")
        busy.docmd(f"RCPT TO:<{MAILBOX}>")
        assert busy.docmd("DATA")[0] == 354
        busy.send(b"Subject: quase\r\n")
        server.stop.set()
        assert idle.getreply()[0] == 421
        with pytest.raises(ConnectionRefusedError):
            smtplib.SMTP("127.0.0.1", server.port)
        busy.send(b"\r\ntexto\r\n.\r\n")
        assert busy.getreply()[0] == 250
        assert busy.getreply()[0] == 421
    assert len(rows(RAW_MAILS)) == 1


def test_utf8_addresses_and_eight_bit_bodies_are_taken(receiving, database, organization, rows, files):
    add_account(database, organization, "atenção@demo.guiche")
    raw = mail(body="São João".encode("latin-1"), headers="Subject: Olá\r\n".encode())
    with receiving().connect() as client:
        client.ehlo()
        assert {"8bitmime", "smtputf8", "pipelining"} <= set(client.esmtp_features)
        assert "auth" not in client.esmtp_features
        client.sendmail("joão@example.com", "atenção@demo.guiche", raw, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    [row] = rows(RAW_MAILS)
    assert row.sender == "joão@example.com"
    assert b"".join(files.chunks(row.file_key)) == raw


def test_lmtp_answers_for_each_recipient(receiving, account, database, organization, rows):
    add_account(database, organization, "financeiro@demo.guiche")
    with receiving(smtp_lmtp=True).connect() as client:
        client.ehlo()
        client.docmd("MAIL FROM:<a@b>")
        for address in (MAILBOX, "financeiro@demo.guiche"):
            client.rcpt(address)
        assert client.docmd("DATA")[0] == 354
        client.send(mail() + b".\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [250, 250]
        assert client.noop()[0] == 250
    assert len(rows(RAW_MAILS)) == 2


@pytest.fixture
def certificate(tmp_path):
    """Of localhost, with its key."""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run([*make.split(), "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


def none_connected() -> bool:
    return CONNECTIONS._value.get() == 0


def test_starttls_is_offered_with_a_certificate(receiving, account, rows, certificate):
    certificate, key = certificate
    server = receiving(smtp_certificate=certificate, smtp_private_key=key, smtp_max_connections=1)
    for number in range(2):
        eventually(none_connected)
        with smtplib.SMTP("localhost", server.port, timeout=10) as client:
            client.starttls(context=ssl.create_default_context(cafile=certificate))
            client.ehlo()
            assert "auth" not in client.esmtp_features
            assert client.docmd("STARTTLS")[0] == 503
            client.sendmail("a@b", MAILBOX, mail(number))
    assert len(rows(RAW_MAILS)) == 2


@pytest.mark.parametrize("hello", [b"", b"this is no handshake\r\n"], ids=["silence", "noise"])
def test_a_handshake_that_fails_leaves_its_place_to_the_next_client(receiving, account, certificate, hello):
    certificate, key = certificate
    server = receiving(smtp_certificate=certificate, smtp_private_key=key, smtp_max_connections=1, smtp_idle_seconds=1)
    with smtplib.SMTP("localhost", server.port, timeout=10) as client:
        client.ehlo()
        assert client.docmd("STARTTLS")[0] == 220
        client.sock.sendall(hello)
        with suppress(ConnectionError):
            client.sock.recv(100)
        client.close()
    eventually(none_connected)
    assert server.send(mail()) == {}


def test_what_was_sent_before_the_handshake_is_forgotten_with_it(receiving, account, certificate):
    """CVE-2011-0411: a command smuggled in behind STARTTLS must not be taken as sent under encryption."""
    certificate, key = certificate
    server = receiving(smtp_certificate=certificate, smtp_private_key=key)
    with smtplib.SMTP("localhost", server.port, timeout=10) as client:
        client.ehlo()
        client.sock.sendall(b"STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n")
        assert client.getreply()[0] == 220
        context = ssl.create_default_context(cafile=certificate)
        client.sock = context.wrap_socket(client.sock, server_hostname="localhost")
        client.file = None
        client.ehlo()
        assert client.docmd("MAIL FROM:<a@b>")[0] == 250


def test_without_a_database_a_mail_is_deferred_and_taken_when_it_is_back(receiving, account, database, rows):
    server = receiving()
    with server.connect() as client:
        client.helo("x")
        client.docmd("MAIL FROM:<a@b>")
        client.docmd(f"RCPT TO:<{MAILBOX}>")
        with database_away(database):
            code, words = client.data(mail())
            assert (code, words[:5]) == (451, b"4.3.0")
            server.intake.known.clear()
            client.docmd("MAIL FROM:<a@b>")
            assert client.docmd(f"RCPT TO:<{MAILBOX}>")[0] == 451
    server.send(mail())
    assert len(rows(RAW_MAILS)) == 1


def test_without_a_place_for_files_a_mail_is_deferred(receiving, account, rows, files):
    server = receiving()
    (files.folder / str(account.organization_id)).write_text("a file where a folder should be")
    assert refused(server.send, mail()) == "451 4.3.0"
    (files.folder / str(account.organization_id)).unlink()
    server.send(mail())
    assert len(rows(RAW_MAILS)) == 1


def test_a_mail_the_database_refuses_does_not_take_others_with_it(receiving, account, database, rows):
    with database.transaction() as connection:
        connection.execute(
            text("ALTER TABLE raw_mails ADD CONSTRAINT no_poison CHECK (message_id <> 'poison@example.com')")
        )
    server = receiving()

    def send(number):
        try:
            server.send(mail("poison" if number == 5 else number))
        except smtplib.SMTPDataError as error:
            return error.smtp_code
        return 250

    with ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(send, range(10)))
    assert codes == [250] * 5 + [451] + [250] * 4
    assert len(rows(RAW_MAILS)) == 9


def test_many_connections_share_commits(receiving, account, database, rows):
    """While one commit is held up, the others that arrive become one transaction together."""
    server = receiving()
    with ThreadPoolExecutor(20) as pool:
        with database.transaction() as connection:
            connection.execute(text("LOCK TABLE raw_mails IN SHARE MODE"))
            sent = [pool.submit(server.send, mail(number)) for number in range(20)]
            eventually(lambda: len(server.intake.waiting) >= 10)
        for one in sent:
            one.result(10)
    with database.transaction() as connection:
        commits = connection.scalars(text("SELECT DISTINCT xmin::text FROM raw_mails")).all()
    assert len(rows(RAW_MAILS)) == 20
    assert len(commits) <= 11


def test_a_client_that_leaves_before_its_answer_sends_again_and_is_kept_once(receiving, account, database, rows):
    server = receiving()
    with database.transaction() as connection:
        connection.execute(text("LOCK TABLE raw_mails IN SHARE MODE"))
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(f"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{MAILBOX}>\r\nDATA\r\n".encode() + mail() + b".\r\n")
            eventually(lambda: server.intake.committing is not None)
    eventually(lambda: rows(RAW_MAILS))
    server.send(mail())
    assert len(rows(RAW_MAILS)) == 1


def test_the_trace_of_a_mail_begins_at_its_reception(receiving, account, rows, traced):
    receiving().send(mail())
    [row] = rows(RAW_MAILS)
    [span] = [span for span in traced() if span.name == "smtp receive"]
    assert row.traceparent.split("-")[1:3] == [f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"]
