"""What mail is made of, and its rules without I/O."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

Direction = Literal["IN", "OUT"]
DeliveryKind = Literal["REPLY", "ACKNOWLEDGEMENT"]
DeliveryState = Literal["DRAFT", "QUEUED", "SENDING", "SENT", "FAILED", "UNKNOWN"]

JoinRule = Literal["", "REPLY_ADDRESS", "SIGNED_MESSAGE_ID", "MESSAGE_ID", "REFERENCES", "PROTOCOL"]

# Kinds of mail that nobody answers: machines wrote it.
MACHINES = ("auto-submitted", "bounce")
# What an acknowledgement of ours has as its kind of automatic mail.
ACKNOWLEDGEMENT = "acknowledgement"


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    organization_id: UUID
    address: str
    name: str


@dataclass(frozen=True, slots=True)
class RawMail:
    """One mail in one mailbox."""

    id: UUID
    account_id: UUID
    organization_id: UUID
    message_id: str
    content_hash: bytes
    reference_ids: list[str]
    sender: str
    recipient: str
    size: int
    file_key: str
    received_at: datetime
    traceparent: str

    @property
    def identity(self) -> tuple[UUID, str, bytes]:
        return self.account_id, self.message_id, self.content_hash


@dataclass(frozen=True, slots=True)
class Conversation:
    id: UUID
    account_id: UUID
    organization_id: UUID


@dataclass(frozen=True, slots=True)
class Message:
    id: UUID
    conversation_id: UUID
    raw_mail_id: UUID | None
    direction: Direction
    sender_name: str
    sender_email: str
    # Each {"name", "email"}.
    to_addresses: list[dict[str, str]]
    cc_addresses: list[dict[str, str]]
    subject: str
    text: str
    html: str
    snippet: str
    received_at: datetime
    date: datetime | None
    warnings: list[str]
    automatic: str
    # The ticket it belongs to; of what arrives None until the ticket service has said so.
    ticket_id: UUID | None = None
    author_id: UUID | None = None
    # Of what leaves: as whom it is sent.
    account_id: UUID | None = None
    # The message it answers; of what arrives only machine mail has one, whose ticket it takes.
    answers_id: UUID | None = None
    bcc_addresses: list[dict[str, str]] = field(default_factory=list)
    # Without <>.
    message_id_header: str = ""
    reply_to_email: str = ""
    # None of what arrives.
    delivery_state: DeliveryState | None = None
    # The words of the server that refused it.
    delivery_detail: str = ""
    delivery_at: datetime | None = None
    # Each {"email", "detail"}: who is known not to have it. Of a failed one: the others have it; empty: nobody has.
    refused: list[dict[str, str]] = field(default_factory=list)
    # By which rule it found its conversation; empty: it began it.
    joined_by: JoinRule = ""
    # Without quoted history; empty: all of the text is new.
    new_text: str = ""
    # Grows with each change of its delivery.
    delivery_version: int = 0


@dataclass(frozen=True, slots=True)
class Attachment:
    id: UUID
    message_id: UUID
    position: int
    file_name: str
    content_type: str
    size: int
    sha256: str
    file_key: str
    content_id: str
    inline: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is to be sent; its id is the message's."""

    id: UUID
    kind: DeliveryKind
    # Empty: the null sender.
    envelope_from: str
    recipients: list[str]
    traceparent: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file for a reply that is still being written."""

    id: UUID
    organization_id: UUID
    ticket_id: UUID
    attendant_id: UUID
    file_name: str
    content_type: str
    size: int
    sha256: str
    file_key: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """What mail knows of one."""

    id: UUID
    version: int
    organization_id: UUID
    conversation_id: UUID
    protocol: str
    # None: not known, or no message opened it.
    opening_message_id: UUID | None


def normal_address(address: str) -> str:
    """As accounts are stored: mailboxes of ours do not tell upper from lower case, though RFC 5321 would let them."""
    return address.strip().lower()


def base_address(address: str) -> str:
    """The mailbox of a plus-address (RFC 5233): atendimento+x@… is delivered to atendimento@…."""
    local, at, domain = normal_address(address).rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def file_key(organization_id: UUID, sha256: str) -> str:
    """Files belong to an organization and are named by what is in them, never by what somebody called them."""
    return f"{organization_id}/{sha256[:2]}/{sha256}"
