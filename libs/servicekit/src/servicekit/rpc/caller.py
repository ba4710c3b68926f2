"""Who is calling: set by the server's interceptor, read by api.py."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attendant:
    """The attendant on whose behalf a call is made. Ids as text."""

    id: str
    organization_id: str


@dataclass(frozen=True)
class Caller:
    service: str
    attendant: Attendant | None
    # Claims of the ticket service's grant, where the method asks for one.
    grant: dict[str, Any] | None


CALLER: ContextVar[Caller] = ContextVar("caller")


def calling_attendant() -> Attendant:
    """The attendant of a method whose access says `attendant: true`; the interceptor has refused calls without one."""
    attendant = CALLER.get().attendant
    assert attendant is not None
    return attendant


def grant() -> dict[str, Any]:
    """The grant of a method whose access names one; the interceptor has refused calls without it."""
    claims = CALLER.get().grant
    assert claims is not None
    return claims
