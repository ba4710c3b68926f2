"""When a refresh token gives new tokens, and when it ends the session."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

TOKEN_BYTES = 32
# A client whose answer was lost tries again at once; two tabs of one browser meet within a second.
FORGIVEN = timedelta(seconds=10)


class Verdict(Enum):
    """RENEW: new tokens. The others end the session; the value is the reason that is kept."""

    RENEW = ""
    ENDED = "ENDED"
    EXPIRED = "EXPIRED"
    INACTIVE = "INACTIVE"
    REUSED = "REUSED"


@dataclass(frozen=True)
class Refresh:
    """What is known about a refresh token that was presented."""

    refreshed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    used_at: datetime | None
    attendant_active: bool


def judge(refresh: Refresh, idle: timedelta, now: datetime) -> Verdict:
    if refresh.ended_at is not None:
        return Verdict.ENDED
    if now >= refresh.expires_at or now >= refresh.refreshed_at + idle:
        return Verdict.EXPIRED
    if not refresh.attendant_active:
        return Verdict.INACTIVE
    if refresh.used_at is not None and now > refresh.used_at + FORGIVEN:
        return Verdict.REUSED
    return Verdict.RENEW


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> bytes:
    """All that is kept. A plain hash suffices: 256 random bits cannot be guessed (unlike a password)."""
    return hashlib.sha256(token.encode()).digest()
