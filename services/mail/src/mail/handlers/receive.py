"""Accepting mails: durable before anybody is told so, and once per mailbox however often they are delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from mail.domain import Account, RawMail, file_key
from mail.files import Files
from mail.metrics import DUPLICATES, RECEIVE_BATCH
from mail.parsing import identity
from mail.storage import raw_mails
from servicekit import crash
from servicekit.database import Database
from servicekit.ids import new_id
from servicekit.telemetry import current_traceparent


@dataclass(frozen=True, slots=True)
class Recipient:
    # As the sender wrote it, with its plus-part.
    address: str
    account: Account


def keep_content(files: Files, sender: str, recipients: Sequence[Recipient], content: bytes) -> list[RawMail]:
    """Makes the bytes durable; the rows that are still to be committed, one per mailbox."""
    digest = sha256(content).hexdigest()
    for organization_id in {recipient.account.organization_id for recipient in recipients}:
        files.put(file_key(organization_id, digest), content)
    message_id, content_hash = identity.message_id(content), identity.content_hash(content)
    references = list(identity.header_references(content))
    received_at, traceparent = datetime.now(UTC), current_traceparent()
    return [
        RawMail(
            id=new_id(),
            account_id=recipient.account.id,
            organization_id=recipient.account.organization_id,
            message_id=message_id,
            content_hash=content_hash,
            reference_ids=references,
            sender=sender,
            recipient=recipient.address,
            size=len(content),
            file_key=file_key(recipient.account.organization_id, digest),
            received_at=received_at,
            traceparent=traceparent,
        )
        for recipient in one_per_mailbox(recipients)
    ]


def one_per_mailbox(recipients: Sequence[Recipient]) -> list[Recipient]:
    """Of several addresses of a mailbox the one with a plus: it may be signed, and then tells the conversation."""
    first: dict[UUID, Recipient] = {}
    for recipient in sorted(recipients, key=lambda recipient: "+" not in recipient.address):
        first.setdefault(recipient.account.id, recipient)
    return list(first.values())


def keep_rows(database: Database, mails: Sequence[list[RawMail]]) -> list[Exception | None]:
    """Commits the rows of many mails at once; for each mail None, or why it is not kept.

    Many at once since a commit costs a flush of the disk. A mail that the database refuses must not take its
    neighbours with it, so then each is committed on its own.
    """
    crash.point("receive")
    try:
        with database.transaction() as connection:
            rows = [row for rows in mails for row in rows]
            new = raw_mails.add(connection, rows)
    except SQLAlchemyError as error:
        if len(mails) == 1 or isinstance(error, OperationalError):
            return [error] * len(mails)
        return [outcome for rows in mails for outcome in keep_rows(database, [rows])]
    crash.point("store")
    RECEIVE_BATCH.observe(len(mails))
    DUPLICATES.inc(len(rows) - len(new))
    return [None] * len(mails)
