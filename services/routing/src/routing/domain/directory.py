"""The directory's things, as they are announced."""

from dataclasses import dataclass
from uuid import UUID
from zoneinfo import available_timezones

MAX_ACKNOWLEDGEMENT = 2_000
ROLES = ("SUPERVISOR", "APPROVER", "VIEWER", "ADMINISTRATOR")


@dataclass(frozen=True)
class Organization:
    id: UUID
    version: int
    name: str
    time_zone: str


@dataclass(frozen=True)
class Department:
    id: UUID
    version: int
    organization_id: UUID
    name: str
    # What its customers are told when a ticket opens; empty: the product's own words.
    acknowledgement: str


@dataclass(frozen=True)
class Level:
    id: UUID
    version: int
    organization_id: UUID
    department_id: UUID
    name: str
    position: int
    # Further accounts its members may answer with.
    account_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class RoleOf:
    """department_id None: in the whole organization."""

    role: str
    department_id: UUID | None = None


@dataclass(frozen=True)
class Attendant:
    id: UUID
    version: int
    organization_id: UUID
    name: str
    active: bool
    level_ids: tuple[UUID, ...]
    roles: tuple[RoleOf, ...]


def is_time_zone(name: str) -> bool:
    return name in available_timezones()


def is_name(name: str) -> bool:
    """Something to read, in one line."""
    return bool(name.strip()) and name.isprintable() and len(name) <= 200


def is_acknowledgement(words: str) -> bool:
    """Something to read in a mail, over any number of lines; nothing at all is fine too."""
    return len(words) <= MAX_ACKNOWLEDGEMENT and words.replace("\n", "").isprintable()
