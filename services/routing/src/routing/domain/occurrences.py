"""Whether an occurrence opens a ticket, and where."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

# The limits of guiche.ticket.v1.TicketOpening and guiche.publisher.v1.Identity, in characters.
MAX_SUBJECT = 998
MAX_SNIPPET = 200
MAX_ADDRESS = 320
MAX_NAME = 300


class State(StrEnum):
    NEW = "NEW"
    # It opened a ticket, or stands on one that was there.
    ROUTED = "ROUTED"
    # No rule knew where to: an attendant opens a ticket by hand.
    WAITING = "WAITING"
    # It opens none.
    DISMISSED = "DISMISSED"


class Reason(StrEnum):
    AUTOMATIC = "AUTOMATIC"
    NO_RULE = "NO_RULE"


# Values of guiche.mail.v1.MessageReceived.automatic.
ANSWERS_OF_MACHINES = ("auto-submitted", "bounce")


@dataclass(frozen=True)
class Occurrence:
    """One inbound item. id: the message's. sender_address: empty where it names nobody."""

    id: UUID
    organization_id: UUID
    account_id: UUID
    conversation_id: UUID
    platform: str
    sender_name: str
    sender_address: str
    subject: str
    snippet: str
    occurred_at: datetime
    traceparent: str


@dataclass(frozen=True)
class Publisher:
    """Whoever is behind an occurrence, as the publisher service named them just now."""

    id: UUID
    name: str


@dataclass(frozen=True)
class Place:
    department_id: UUID
    level_id: UUID
    priority: str


def state_of(automatic: str) -> tuple[State, Reason | None]:
    """Where an arriving occurrence begins.

    Answers of machines and bounces open no ticket (M6): its acknowledgement would be answered, and so without end.
    Lists and bulk do: a customer's mail that reaches a mailbox through a group address carries the marks of a list.
    """
    return (State.DISMISSED, Reason.AUTOMATIC) if automatic in ANSWERS_OF_MACHINES else (State.NEW, None)


def text(value: str, limit: int) -> str:
    """Fit for a database and a contract: without NUL, and no longer than that."""
    return value.replace("\0", "")[:limit]


def usable_address(address: str) -> str:
    """The address, or nothing. A cut one would be somebody else's, and one with control characters is nobody's."""
    trimmed = address.strip()
    return trimmed if len(trimmed) <= MAX_ADDRESS and trimmed.isprintable() else ""
