"""Tells a customer that their message has arrived, and its protocol. To people only, and not too often (RFC 3834)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection

from mail import signing
from mail.domain import ACKNOWLEDGEMENT, Account, Message, Ticket, base_address
from mail.handlers.deliveries import queue
from mail.handlers.replies import writer_of
from mail.metrics import NOT_ACKNOWLEDGED
from mail.outgoing.acknowledgement import body, reply_subject
from mail.outgoing.recipients import is_machine, sendable
from mail.storage import accounts, acknowledged, directory
from mail.storage import messages as stored
from mail.storage.messages import OpeningMessage
from servicekit import crash
from servicekit.ids import new_id


@dataclass(frozen=True, slots=True)
class Most:
    """an_hour: to one address. a_minute: of an organization, to whomever; who makes up a sender for each mail must not
    send through us without end."""

    an_hour: int
    a_minute: int


def acknowledge(
    connection: Connection, ticket: Ticket, department_id: UUID, secret: bytes, most: Most
) -> Message | None:
    """The acknowledgement on its way, or None where there is none to be sent. Told twice, it is sent once."""
    if ticket.opening_message_id is None or stored.acknowledged(connection, ticket.id):
        return None
    opening = stored.opening_message(connection, ticket.opening_message_id, ticket.conversation_id)
    if opening is None:
        return None
    to, name = where_to(connection, opening.message)
    [account] = accounts.of_organization(connection, ticket.organization_id, [opening.account_id])
    reason = why_not(connection, ticket, opening, to, most)
    if reason or not sendable(account.address):
        NOT_ACKNOWLEDGED.labels(reason or "account").inc()
        return None
    words = directory.acknowledgement(connection, department_id, ticket.organization_id)
    message = acknowledgement(ticket, account, opening.message, {"name": name, "email": to}, words, secret)
    stored.add(connection, [], [message], [])
    acknowledged.add(connection, ticket.organization_id, to)
    queue(connection, ticket.organization_id, account, message, "ACKNOWLEDGEMENT")
    crash.point("acknowledge")
    return message


def where_to(connection: Connection, opening: Message) -> tuple[str, str]:
    """Address and name; '' where there is none."""
    for one in writer_of(connection, opening):
        return one["email"], one["name"]
    return "", ""


def why_not(connection: Connection, ticket: Ticket, opening: OpeningMessage, to: str, most: Most) -> str:
    """'' where an acknowledgement may be sent, else the reason against it."""
    message = opening.message
    written_by = [to, message.sender_email, opening.envelope_sender]
    if message.automatic:
        return "automatic"
    if not to or not message.sender_email:
        return "no_address"
    if any(is_machine(address) for address in written_by):
        return "machine"
    # Of whichever organization: two of them must not keep each other busy.
    if accounts.find(connection, [base_address(address) for address in written_by if address]):
        return "own_address"
    return too_often(connection, ticket.organization_id, to, most)


def too_often(connection: Connection, organization_id: UUID, to: str, most: Most) -> str:
    if acknowledged.count(connection, organization_id, to) >= most.an_hour:
        return "too_often"
    return "too_many" if acknowledged.count_of_minute(connection, organization_id) >= most.a_minute else ""


def acknowledgement(
    ticket: Ticket, account: Account, answered: Message, to: dict[str, str], words: str, secret: bytes
) -> Message:
    message_id, now = new_id(), datetime.now(UTC)
    said = body(words, ticket.protocol)
    return Message(
        id=message_id,
        conversation_id=ticket.conversation_id,
        raw_mail_id=None,
        direction="OUT",
        sender_name=account.name,
        sender_email=account.address,
        to_addresses=[to],
        cc_addresses=[],
        subject=reply_subject(answered.subject, ticket.protocol),
        text=said.text,
        html=said.html,
        snippet=f"Protocolo: {ticket.protocol}",
        received_at=now,
        date=None,
        warnings=[],
        automatic=ACKNOWLEDGEMENT,
        ticket_id=ticket.id,
        account_id=account.id,
        answers_id=answered.id,
        message_id_header=signing.header_id_of(secret, message_id, sendable(account.address)),
        delivery_state="QUEUED",
        delivery_at=now,
        delivery_version=1,
    )
