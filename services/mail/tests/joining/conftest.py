"""Conversations with everything that a mail may join by."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from mail_support import PROTOCOL, SECRET, add_account, letter
from sqlalchemy import select

from mail import signing
from mail.domain import Account, Message
from mail.files import Files
from mail.handlers.ingest import Ingest, ingest_due
from mail.handlers.receive import Recipient, keep_content, keep_rows
from mail.storage import joining, messages
from mail.storage.tables import CONVERSATIONS, MESSAGES, TICKETS
from servicekit.database import Database
from servicekit.ids import new_id


@pytest.fixture
def ingest(database: Database, files: Files) -> Iterator[Ingest]:
    with Ingest(database, files, 2, SECRET) as made:
        yield made


@pytest.fixture
def other_account(database: Database, organization: UUID) -> Account:
    return add_account(database, organization, "vendas@demo.guiche")


@pytest.fixture
def foreign_account(database: Database) -> Account:
    return add_account(database, uuid4(), "sac@outra.guiche")


@pytest.fixture
def accept(database: Database, files: Files, account: Account) -> Callable[..., None]:
    """As the receiver does. to: accounts, or addresses of the first mailbox."""

    def accepted(*raws: bytes, to: Sequence[Account | str] = (), sender: str = "ana@example.com") -> None:
        recipients = [Recipient(one, account) if isinstance(one, str) else Recipient(one.address, one) for one in to]
        mails = [keep_content(files, sender, recipients or [Recipient(account.address, account)], raw) for raw in raws]
        assert keep_rows(database, mails) == [None] * len(raws)

    return accepted


@pytest.fixture
def arrive(accept: Callable[..., None], ingest: Ingest) -> Callable[..., None]:
    def arrived(*raws: bytes, **how: Any) -> None:
        accept(*raws, **how)
        ingest_due(ingest)

    return arrived


@pytest.fixture
def found(database: Database) -> Callable[[], dict[str, Any]]:
    """Messages by their Message-ID, with the account of their conversation."""

    def read() -> dict[str, Any]:
        query = select(MESSAGES, CONVERSATIONS.c.account_id.label("mailbox")).join(
            CONVERSATIONS, CONVERSATIONS.c.id == MESSAGES.c.conversation_id
        )
        with database.transaction() as connection:
            return {row.message_id_header: row for row in connection.execute(query.order_by(MESSAGES.c.id))}

    return read


@pytest.fixture
def answer(database: Database) -> Callable[..., SimpleNamespace]:
    """Sends a message of ours on a conversation; its signed address and Message-ID."""

    def answered(account: Account, conversation: UUID, to: str = "ana@example.com", **of: Any) -> SimpleNamespace:
        message_id = new_id()
        token = signing.token(SECRET, message_id)
        header_id = signing.header_id(token, "demo.guiche")
        values = {
            "raw_mail_id": None,
            "direction": "OUT",
            "sender_name": account.name,
            "sender_email": account.address,
            "to_addresses": [{"name": "", "email": to}],
            "cc_addresses": [],
            "subject": "Re: Pedido",
            "text": "Olá",
            "html": "",
            "snippet": "Olá",
            "received_at": datetime.now(UTC),
            "date": None,
            "warnings": [],
            "automatic": "",
            "account_id": account.id,
            "message_id_header": header_id,
            "delivery_state": "SENT",
            "delivery_at": datetime.now(UTC),
        }
        with database.transaction() as connection:
            messages.add(connection, [], [Message(id=message_id, conversation_id=conversation, **(values | of))], [])
            joining.remember(
                connection, account.organization_id, account.id, conversation, message_id, header_id, [], [to]
            )
        address = signing.reply_address(account.address, token)
        return SimpleNamespace(id=message_id, address=address, header_id=header_id, token=token)

    return answered


@pytest.fixture
def ticket_of(database: Database) -> Callable[..., UUID]:
    def made(organization: UUID, conversation: UUID, protocol: str = PROTOCOL) -> UUID:
        ticket_id = new_id()
        row = {"id": ticket_id, "version": 1, "organization_id": organization, "conversation_id": conversation}
        with database.transaction() as connection:
            connection.execute(TICKETS.insert().values(**row, protocol=protocol))
        return ticket_id

    return made


@pytest.fixture
def begun(arrive: Any, found: Any, answer: Any, account: Account, ticket_of: Any) -> SimpleNamespace:
    """A conversation with everything that a mail may join by."""
    arrive(letter("m1@c", references=["root@c"]))
    conversation = found()["m1@c"].conversation_id
    ours = answer(account, conversation)
    ticket = ticket_of(account.organization_id, conversation)
    return SimpleNamespace(conversation=conversation, ours=ours, ticket=ticket)
