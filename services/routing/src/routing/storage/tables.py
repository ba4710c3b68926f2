"""The tables, as the migrations made them."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import UUID as PgUUID

METADATA = MetaData()
UUID = PgUUID(as_uuid=True)
TIME = DateTime(timezone=True)

ORGANIZATIONS = Table(
    "organizations",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("name", Text),
    Column("time_zone", Text),
    Column("version", BigInteger),
)
PROJECTS = Table(
    "projects",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("organization_id", UUID),
    Column("name", Text),
)
DEPARTMENTS = Table(
    "departments",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("organization_id", UUID),
    Column("project_id", UUID),
    Column("name", Text),
    Column("version", BigInteger),
    Column("acknowledgement", Text),
)
LEVELS = Table(
    "levels",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("organization_id", UUID),
    Column("department_id", UUID),
    Column("name", Text),
    Column("position", Integer),
    Column("version", BigInteger),
)
LEVEL_ACCOUNTS = Table(
    "level_accounts",
    METADATA,
    Column("organization_id", UUID),
    Column("level_id", UUID, primary_key=True),
    Column("account_id", UUID, primary_key=True),
)
ATTENDANTS = Table(
    "attendants",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("organization_id", UUID),
    Column("name", Text),
    Column("username", Text),
    Column("email", Text),
    Column("password_hash", Text),
    Column("password_version", Integer),
    Column("active", Boolean),
    Column("version", BigInteger),
)
MEMBERSHIPS = Table(
    "memberships",
    METADATA,
    Column("organization_id", UUID),
    Column("attendant_id", UUID, primary_key=True),
    Column("level_id", UUID, primary_key=True),
)
ROLES = Table(
    "roles",
    METADATA,
    Column("organization_id", UUID),
    Column("attendant_id", UUID),
    Column("role", Text),
    Column("department_id", UUID),
)
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("attendant_id", UUID),
    Column("created_at", TIME),
    Column("refreshed_at", TIME),
    Column("expires_at", TIME),
    Column("ended_at", TIME),
    Column("end_reason", Text),
)
REFRESH_TOKENS = Table(
    "refresh_tokens",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("session_id", UUID),
    Column("used_at", TIME),
)
ATTEMPTS = Table(
    "sign_in_attempts",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("name_hash", LargeBinary),
    Column("address", Text),
    Column("at", TIME),
    Column("succeeded", Boolean),
    Column("forgiven", Boolean),
)
KNOWN_ADDRESSES = Table(
    "known_addresses",
    METADATA,
    Column("name_hash", LargeBinary, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("last_at", TIME),
)
RULES = Table(
    "rules",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("organization_id", UUID),
    Column("account_id", UUID),
    Column("position", Integer),
    Column("level_id", UUID),
    Column("priority", Text),
)
OCCURRENCES = Table(
    "occurrences",
    METADATA,
    Column("id", UUID, primary_key=True),
    Column("position", BigInteger),
    Column("organization_id", UUID),
    Column("account_id", UUID),
    Column("conversation_id", UUID),
    Column("platform", Text),
    Column("sender_name", Text),
    Column("sender_address", Text),
    Column("subject", Text),
    Column("snippet", Text),
    Column("occurred_at", TIME),
    Column("traceparent", Text),
    Column("state", Text),
    Column("reason", Text),
    Column("publisher_id", UUID),
    Column("ticket_id", UUID),
    Column("received_at", TIME),
    Column("attempts", Integer),
    Column("next_at", TIME),
    Column("last_error", Text),
    Column("done_at", TIME),
    Column("failed_at", TIME),
)
