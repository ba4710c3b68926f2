"""The tables as the queries see them; their constraints and indexes stand in the migrations."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

METADATA = MetaData()
ID = UUID(as_uuid=True)
TIME = DateTime(timezone=True)

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("organization_id", ID, nullable=False),
    Column("address", Text, nullable=False),
    Column("name", Text, nullable=False),
)

RAW_MAILS = Table(
    "raw_mails",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("account_id", ID, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("reference_ids", ARRAY(Text), nullable=False),
    Column("sender", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("file_key", Text, nullable=False),
    Column("received_at", TIME, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", TIME, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("done_at", TIME),
    Column("failed_at", TIME),
    Column("state", Text, nullable=False),
)

CONVERSATIONS = Table(
    "conversations",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("account_id", ID, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("created_at", TIME, nullable=False),
)

MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("conversation_id", ID, nullable=False),
    Column("raw_mail_id", ID),
    Column("direction", Text, nullable=False),
    Column("sender_name", Text, nullable=False),
    Column("sender_email", Text, nullable=False),
    Column("to_addresses", JSONB, nullable=False),
    Column("cc_addresses", JSONB, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("snippet", Text, nullable=False),
    Column("received_at", TIME, nullable=False),
    Column("date", TIME),
    Column("warnings", ARRAY(Text), nullable=False),
    Column("automatic", Text, nullable=False),
    Column("ticket_id", ID),
    Column("author_id", ID),
    Column("account_id", ID),
    Column("answers_id", ID),
    Column("bcc_addresses", JSONB, nullable=False),
    Column("message_id_header", Text, nullable=False),
    Column("reply_to_email", Text, nullable=False),
    Column("delivery_state", Text),
    Column("delivery_detail", Text, nullable=False),
    Column("delivery_at", TIME),
    Column("refused", JSONB, nullable=False),
    Column("joined_by", Text, nullable=False),
    Column("new_text", Text, nullable=False),
    Column("delivery_version", BigInteger, nullable=False),
)

ATTACHMENTS = Table(
    "attachments",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("message_id", ID, nullable=False),
    Column("position", Integer, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("file_key", Text, nullable=False),
    Column("content_id", Text, nullable=False),
    Column("inline", Boolean, nullable=False),
)

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("envelope_from", Text, nullable=False),
    Column("recipients", ARRAY(Text), nullable=False),
    Column("file_key", Text, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("refused_since", TIME),
    Column("sending", Boolean, nullable=False),
    Column("interruptions", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", TIME, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("done_at", TIME),
    Column("failed_at", TIME),
)

UPLOADS = Table(
    "uploads",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("organization_id", ID, nullable=False),
    Column("ticket_id", ID, nullable=False),
    Column("attendant_id", ID, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("file_key", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("message_id", ID),
)

TICKETS = Table(
    "tickets",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("conversation_id", ID, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("opening_message_id", ID),
)

ORGANIZATIONS = Table(
    "organizations",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("time_zone", Text, nullable=False),
)

DEPARTMENTS = Table(
    "departments",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("acknowledgement", Text, nullable=False),
)

LEVELS = Table(
    "levels",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("account_ids", ARRAY(ID), nullable=False),
)

ATTENDANTS = Table(
    "attendants",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("organization_id", ID, nullable=False),
    Column("name", Text, nullable=False),
)

ACKNOWLEDGED = Table(
    "acknowledged",
    METADATA,
    Column("organization_id", ID, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", TIME, nullable=False),
)

HEADER_IDS = Table(
    "header_ids",
    METADATA,
    Column("organization_id", ID, primary_key=True),
    Column("header_id", Text, primary_key=True),
    Column("conversation_id", ID, primary_key=True),
    Column("own", Boolean, primary_key=True),
    Column("account_id", ID, nullable=False),
    Column("message_id", ID, nullable=False),
)

PARTICIPANTS = Table(
    "participants",
    METADATA,
    Column("conversation_id", ID, primary_key=True),
    Column("email", Text, primary_key=True),
)


def values_of(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of one slotted dataclass as parameters; dataclasses.asdict copies deeply, which costs ten times as much."""
    return [{name: getattr(row, name) for name in row.__slots__} for row in rows]
