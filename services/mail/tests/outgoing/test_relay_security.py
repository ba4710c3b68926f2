"""Encryption and authentication between the sender and its relay."""

import datetime
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from outgoing_support import CustomerServer, Relay

from mail.handlers.sending import Sender, send_due
from mail.outgoing.relay import RelayAway, connect


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """Of localhost, signed by itself, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def relay(certificate) -> Iterator[Callable[..., CustomerServer]]:
    """`relay(mode, …)`: mode is none, starttls or tls."""
    running: list[Relay] = []

    def start(mode: str, **others: object) -> CustomerServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        customer = CustomerServer()
        how = {"tls_context": context} if mode == "starttls" else {"ssl_context": context} if mode == "tls" else {}
        running.append(Relay(customer, hostname="localhost", port=0, ready_timeout=20, **how, **others))
        running[-1].start()
        customer.address = f"localhost:{running[-1].port}"
        return customer

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def trusting(monkeypatch, certificate) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("mode", ["none", "starttls", "tls"])
def test_mail_leaves_by_each_kind_of_connection(relay, mode, ticket, replied, database, files, settings):
    customer = relay(mode)
    replied(ticket)
    chosen = settings(smtp_relay=customer.address, smtp_relay_tls=mode, smtp_relay_timeout=10)
    assert send_due(Sender(database, files, partial(connect, chosen))) == 1
    assert len(customer.got) == 1


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_a_relay_whose_certificate_nobody_vouches_for_gets_nothing(relay, mode, settings):
    customer = relay(mode)
    with pytest.raises(RelayAway, match="certificate verify failed"):
        connect(settings(smtp_relay=customer.address, smtp_relay_tls=mode, smtp_relay_timeout=10))


@pytest.mark.usefixtures("trusting")
def test_a_certificate_of_another_name_is_refused(relay, settings):
    address = relay("starttls").address.replace("localhost", "127.0.0.1")
    with pytest.raises(RelayAway, match="mismatch"):
        connect(settings(smtp_relay=address, smtp_relay_tls="starttls", smtp_relay_timeout=10))


def test_a_relay_that_offers_no_encryption_is_not_told_the_password(relay, settings):
    customer = relay("none")
    chosen = settings(smtp_relay=customer.address, smtp_relay_user="guiche", smtp_relay_password="geheim")
    with pytest.raises(RelayAway, match="STARTTLS"):
        connect(chosen)


@pytest.mark.usefixtures("trusting")
def test_the_sender_tells_who_it_is_and_a_wrong_password_is_no_mails_fault(
    relay, ticket, replied, database, files, settings, state_of
):
    def check(server, session, envelope, mechanism, given) -> AuthResult:
        return AuthResult(success=(given.login, given.password) == (b"guiche", b"senha"))

    customer = relay("starttls", authenticator=check, auth_required=True, auth_require_tls=True)
    message_id = replied(ticket)
    for password, state in (("falsch", "QUEUED"), ("senha", "SENT")):
        chosen = settings(smtp_relay=customer.address, smtp_relay_user="guiche", smtp_relay_password=password)
        send_due(Sender(database, files, partial(connect, chosen)))
        assert state_of(message_id) == state
    assert "senha" not in repr(chosen)


def test_a_relay_is_named_by_host_and_port(settings):
    with pytest.raises(ValueError, match="host:port"):
        settings(smtp_relay="localhost")
