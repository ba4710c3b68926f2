"""Hashing passwords with argon2id (RFC 9106). Slow on purpose: never within a transaction."""

import os
import secrets
from dataclasses import dataclass
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from routing.domain.accounts import normalised_password


@dataclass(frozen=True)
class Check:
    """new_hash: the same password hashed with today's parameters, where the stored hash has others."""

    matches: bool
    new_hash: str | None = None


class Passwords:
    """Each check takes memory_kib for its time; no more run at once than there are cores, the others wait."""

    def __init__(self, memory_kib: int, passes: int) -> None:
        self.hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self.turns = BoundedSemaphore(os.cpu_count() or 1)
        # Checked where there is no attendant, so that the answer takes as long as for a wrong password.
        self.nobodys = self.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        with self.turns:
            return self.hasher.hash(normalised_password(password))

    def check(self, stored: str | None, password: str) -> Check:
        matches = self.matches(stored or self.nobodys, password) and stored is not None
        if matches and stored and self.hasher.check_needs_rehash(stored):
            return Check(True, self.hash(password))
        return Check(matches)

    def matches(self, stored: str, password: str) -> bool:
        try:
            with self.turns:
                return self.hasher.verify(stored, normalised_password(password))
        except (VerificationError, InvalidHashError):
            return False
