"""What leaves, on a real database and with a real server at the other end."""

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from google.protobuf.message import Message as Event
from guiche.mail.v1 import message_service_pb2
from guiche.mail.v1.message_service_pb2_grpc import MessageServiceStub
from outgoing_support import CustomerServer, Opened, Relay, said, ticket_of
from sqlalchemy import select, text

from mail import signing
from mail.api import servicer
from mail.consumers import consumes
from mail.domain import Message
from mail.handlers.acknowledge import Most
from mail.handlers.sending import Sender, send_due
from mail.outgoing.relay import connect
from mail.storage.tables import DELIVERIES, MESSAGES
from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer
from servicekit.rpc.server import make_server
from servicekit.tokens import Keys


@pytest.fixture
def customer() -> Iterator[CustomerServer]:
    """With `.address`, as the setting smtp_relay takes it."""
    server = CustomerServer()
    relay = Relay(server, hostname="127.0.0.1", port=0, ready_timeout=20)
    relay.start()
    host, port = relay.server.sockets[0].getsockname()[:2]
    server.address = f"{host}:{port}"
    yield server
    server.answering.set()
    relay.stop()


@pytest.fixture
def secret(keys_of) -> bytes:
    return signing.secret_of(keys_of("mail"))


@pytest.fixture
def tell(database, secret) -> Callable[..., None]:
    """Handles an event as the inbox does."""

    def handle(event: Event, most_an_hour: int = 5, most_a_minute: int = 600) -> None:
        with database.transaction() as connection:
            consumes(secret, Most(most_an_hour, most_a_minute))[type(event)](connection, event)

    return handle


@pytest.fixture
def arrived(database, files, account) -> Callable[..., Message]:
    return partial(said, database, files, account)


@pytest.fixture
def ticket(arrived, account, tell, database) -> Opened:
    """Opened by a mail of Ana's; its acknowledgement has been sent and forgotten."""
    made = ticket_of(arrived(), account)
    tell(made.opened)
    with database.transaction() as connection:
        connection.execute(text("DELETE FROM deliveries"))
        connection.execute(text("DELETE FROM messages WHERE automatic = 'acknowledgement'"))
        connection.execute(text("DELETE FROM acknowledged"))
        connection.execute(text("DELETE FROM outbox"))
    return made


@pytest.fixture
def who(organization) -> Attendant:
    return Attendant(str(uuid4()), str(organization))


@pytest.fixture
def caller(keys_of, who) -> Iterator[Callable[[int], SimpleNamespace]]:
    """The calls of a gateway to the API at a port, each with a grant for its ticket: `.prepare(ticket, …)` and so on."""
    peers: list[Peer] = []

    def make(port: int) -> SimpleNamespace:
        peers.append(Peer(keys_of("gateway"), "mail", f"127.0.0.1:{port}"))
        return calls(peers[-1], keys_of("ticket"), who)

    yield make
    for peer in peers:
        peer.close()


@pytest.fixture
def api(database, files, keys_of, settings, caller) -> Iterator[SimpleNamespace]:
    server, port = make_server(keys_of("mail"), "127.0.0.1:0", [servicer(settings(), database, files, keys_of("mail"))])
    server.start()
    yield caller(port)
    server.stop(grace=None).wait()


def calls(peer: Peer, ticket_keys: Keys, who: Attendant) -> SimpleNamespace:
    stub = MessageServiceStub(peer.channel)

    def grant(ticket: Opened, attendant: Attendant, action: str = "GRANT_ACTION_REPLY", **other: object) -> str:
        claims = {
            "sub": attendant.id,
            "org": attendant.organization_id,
            "ticket": str(ticket.id),
            "conversations": [str(ticket.conversation_id)],
            "level": "",
            "department": str(ticket.department_id),
            "live": True,
            "action": action,
        }
        return ticket_keys.sign("mail", 60, claims | other)

    def call(method: str, request_type: type, action: str = "GRANT_ACTION_REPLY") -> Callable[..., object]:
        def ask(ticket: Opened, attendant: Attendant = who, claims: dict[str, object] | None = None, **said: object):
            request = request_type(ticket_id=str(ticket.id), **said)
            allowed = grant(ticket, attendant, action, **(claims or {}))
            return peer.call(getattr(stub, method), request, attendant, allowed)

        return ask

    def prepare_with(claims: dict[str, object]) -> Callable[..., UUID]:
        def prepare(ticket: Opened, **said: object) -> UUID:
            asked = {"request_id": str(uuid4()), "text": "Já verifiquei."} | said
            ask = call("PrepareReply", message_service_pb2.PrepareReplyRequest)
            return UUID(ask(ticket, claims=claims, **asked).message_id)

        return prepare

    def send_parts(
        ticket: Opened, parts: list[message_service_pb2.UploadAttachmentRequest], attendant: Attendant = who
    ):
        return peer.send(stub.UploadAttachment, iter(parts), attendant, grant(ticket, attendant)).attachment

    def upload(
        ticket: Opened,
        *chunks: bytes,
        name: str = "nota.pdf",
        kind: str = "application/pdf",
        attendant: Attendant = who,
    ):
        parts = [message_service_pb2.UploadAttachmentRequest(chunk=chunk) for chunk in chunks]
        file = message_service_pb2.UploadedFile(ticket_id=str(ticket.id), file_name=name, content_type=kind)
        return send_parts(ticket, [message_service_pb2.UploadAttachmentRequest(file=file), *parts], attendant)

    def download(ticket: Opened, attachment_id: str) -> bytes:
        request = message_service_pb2.DownloadAttachmentRequest(ticket_id=str(ticket.id), attachment_id=attachment_id)
        allowed = grant(ticket, who, "GRANT_ACTION_READ_MESSAGES")
        return b"".join(part.chunk for part in peer.stream(stub.DownloadAttachment, request, who, allowed))

    return SimpleNamespace(
        prepare=prepare_with({}),
        prepare_with=prepare_with,
        upload=upload,
        send_parts=send_parts,
        download=download,
        options=call("GetReplyOptions", message_service_pb2.GetReplyOptionsRequest),
        resend=call("ResendMessage", message_service_pb2.ResendMessageRequest),
        list=call("ListMessages", message_service_pb2.ListMessagesRequest, "GRANT_ACTION_READ_MESSAGES"),
    )


@pytest.fixture
def sender(database, files, settings, customer) -> Sender:
    chosen = settings(smtp_relay=customer.address, smtp_relay_timeout=5)
    return Sender(database, files, partial(connect, chosen))


@pytest.fixture
def send(sender) -> Callable[[], int]:
    return lambda: send_due(sender)


@pytest.fixture
def replied(api, tell) -> Callable[..., UUID]:
    """A reply that was written and released; its id."""

    def reply(ticket: Opened, **said: object) -> UUID:
        message_id = api.prepare(ticket, **said)
        tell(ticket.released(message_id))
        return message_id

    return reply


@pytest.fixture
def due_now(database) -> Callable[[], None]:
    """Time passes until whatever rests is due."""

    def pass_time() -> None:
        with database.transaction() as connection:
            connection.execute(text("UPDATE deliveries SET next_at = clock_timestamp() - interval '1 second'"))

    return pass_time


@pytest.fixture
def state_of(database) -> Callable[[UUID], str]:
    def read(message_id: UUID) -> str:
        with database.transaction() as connection:
            return connection.scalar(select(MESSAGES.c.delivery_state).where(MESSAGES.c.id == message_id))

    return read


@pytest.fixture
def delivery_of(database) -> Callable[[UUID], object]:
    def read(message_id: UUID) -> object:
        with database.transaction() as connection:
            return connection.execute(select(DELIVERIES).where(DELIVERIES.c.id == message_id)).one()

    return read
