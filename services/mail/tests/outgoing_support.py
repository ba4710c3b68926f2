"""A customer's mail server, and tickets as the ticket service tells of them."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import UUID, uuid4

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from guiche.mail.v1.message_events_pb2 import DeliveryChanged
from guiche.mail.v1.message_pb2 import DeliveryState
from guiche.ticket.v1.ticket_events_pb2 import TicketMessageAppended, TicketOpened, TicketReplyReleased, TicketState
from mail_support import mail
from sqlalchemy import select

from mail.domain import Account, Conversation, Message
from mail.files import Files
from mail.handlers.receive import Recipient, keep_content, keep_rows
from mail.storage import messages
from servicekit.database import Database
from servicekit.events.outbox import OUTBOX
from servicekit.ids import new_id

PROTOCOL = "20261121140300123"


@dataclass
class CustomerServer:
    """Takes mail as a server of the customer's would. The answers may be changed; None: as usual."""

    mail: Callable[[str], str | None] = lambda sender: None
    rcpt: Callable[[str], str | None] = lambda recipient: None
    data: Callable[[], str | None] = lambda: None
    # The connection is cut when the mail has come completely, before it is answered.
    cut_after_data: bool = False
    # The answer to a mail waits for it.
    answering: threading.Event = field(default_factory=threading.Event)
    got: list[Envelope] = field(default_factory=list)
    # What came, whatever was answered.
    offered: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self.answering.set()

    async def handle_EHLO(self, server: SMTP, session: Session, envelope: Envelope, name: str, responses: list[str]):
        self.connections += 1
        session.host_name = name
        return responses

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]):
        answer = self.mail(address)
        if answer is None:
            envelope.mail_from, envelope.mail_options = address, options
        return answer or "250 ok"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]):
        answer = self.rcpt(address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope):
        self.offered.append(envelope.content)
        answer = self.data()
        if answer is None:
            self.got.append(envelope)
        while not self.answering.is_set():
            await asyncio.sleep(0.01)
        if self.cut_after_data:
            server.transport.abort()
        return answer or "250 2.0.0 taken"

    @property
    def mails(self) -> list[EmailMessage]:
        return [parsed(envelope.content) for envelope in self.got]


class Relay(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def factory(self) -> SMTP:
        return SMTP(self.handler, timeout=60, data_size_limit=64 * 1024 * 1024, **self.SMTP_kwargs)


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw.replace(b"\r\n", b"\n"), policy=policy.default)


def said(
    database: Database,
    files: Files,
    account: Account,
    number: object = 1,
    headers: bytes = b"",
    sender: str = "ana@example.com",
    conversation: UUID | None = None,
    **changes: object,
) -> Message:
    """A mail that has arrived and been ingested."""
    kept = keep_content(files, sender, [Recipient(account.address, account)], mail(number, headers=headers))
    assert keep_rows(database, [kept]) == [None]
    message = Message(
        id=new_id(),
        conversation_id=conversation or new_id(),
        raw_mail_id=kept[0].id,
        direction="IN",
        sender_name="Ana Conceição",
        sender_email="ana@example.com",
        to_addresses=[{"name": "", "email": account.address}],
        cc_addresses=[],
        subject="Pedido não chegou",
        text="Bom dia\n> antes",
        html="",
        snippet="Bom dia",
        received_at=datetime(2026, 11, 21, 17, 3, tzinfo=UTC),
        date=None,
        warnings=[],
        automatic="",
    )
    message = replace(message, **changes)
    new = [Conversation(message.conversation_id, account.id, account.organization_id)] if conversation is None else []
    with database.transaction() as connection:
        messages.add(connection, new, [message], [])
    return message


@dataclass(frozen=True)
class Opened:
    """A ticket that a message opened."""

    id: UUID
    organization_id: UUID
    conversation_id: UUID
    message_id: UUID
    department_id: UUID = field(default_factory=uuid4)
    protocol: str = PROTOCOL

    def state(self, version: int = 1) -> TicketState:
        return TicketState(
            id=str(self.id),
            organization_id=str(self.organization_id),
            version=version,
            protocol=self.protocol,
            department_id=str(self.department_id),
            conversation_id=str(self.conversation_id),
        )

    @property
    def opened(self) -> TicketOpened:
        return TicketOpened(ticket=self.state(), message_id=str(self.message_id))

    def released(self, message_id: UUID) -> TicketReplyReleased:
        return TicketReplyReleased(ticket=self.state(2), message_id=str(message_id))

    def appended(self, message_id: UUID) -> TicketMessageAppended:
        return TicketMessageAppended(ticket=self.state(3), message_id=str(message_id))


def ticket_of(message: Message, account: Account) -> Opened:
    return Opened(uuid4(), account.organization_id, message.conversation_id, message.id)


def told(database: Database) -> list[str]:
    """The states of deliveries others were told of, in order."""
    query = select(OUTBOX.c.payload).where(OUTBOX.c.type == DeliveryChanged.DESCRIPTOR.full_name)
    with database.transaction() as connection:
        events = [
            DeliveryChanged.FromString(row.payload) for row in connection.execute(query.order_by(OUTBOX.c.position))
        ]
    return [DeliveryState.Name(event.state).removeprefix("DELIVERY_STATE_") for event in events]
