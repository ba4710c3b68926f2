"""What of a ticket changes by verbs, and how a change is written into the history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID


class Status(StrEnum):
    CREATED = "CREATED"
    OPEN = "OPEN"
    STARTED = "STARTED"
    PENDING = "PENDING"
    ANSWERED = "ANSWERED"
    TRANSFERRED = "TRANSFERRED"
    APPROVAL = "APPROVAL"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


LIVE = tuple(status for status in Status if status is not Status.CLOSED)


class Priority(StrEnum):
    LOW = "LOW"
    MEDIUM_LOW = "MEDIUM_LOW"
    MEDIUM = "MEDIUM"
    MEDIUM_HIGH = "MEDIUM_HIGH"
    HIGH = "HIGH"


@dataclass(frozen=True, slots=True)
class Facts:
    """What verbs change, and nothing else does.

    data: for each field of the service type that is filled, the id of the value given. The values themselves may be
    personal, so they stand neither here nor in the history.
    """

    status: Status
    department_id: UUID
    level_id: UUID
    holder_id: UUID | None = None
    released: bool = False
    awaiting_customer: bool = False
    awaiting_until: datetime | None = None
    new_message: bool = False
    priority: Priority = Priority.MEDIUM
    service_type_id: UUID | None = None
    data: Mapping[str, str] = field(default_factory=dict, hash=False)


# Every fact by the name it has in the public Ticket; `data` apart, which is one name for each field.
SHOWN = {
    "status": "status",
    "department_id": "department",
    "level_id": "level",
    "holder_id": "holder",
    "priority": "priority",
    "released": "released",
    "awaiting_customer": "awaitingCustomer",
    "awaiting_until": "awaitingUntil",
    "new_message": "newMessage",
    "service_type_id": "serviceType",
}
DATA = "data:"
# The change that tells of the ticket that continues a closed one.
NEXT = "next"
# Before its first entry a ticket has nothing, and none of its flags is set.
NOTHING = {"released": "false", "awaitingCustomer": "false", "newMessage": "false"}


def changes(before: Facts | None, after: Facts) -> list[dict[str, str]]:
    """What differs, as history keeps it: field of the public Ticket, code before, code after; "" for nothing.

    All changes of a history one after another give the facts as they are now.
    """
    old, new = codes(before) if before is not None else NOTHING, codes(after)
    pairs = [(name, old.get(name, ""), new.get(name, "")) for name in dict.fromkeys([*new, *old])]
    return [{"field": name, "before": was, "after": now} for name, was, now in pairs if was != now]


def codes(facts: Facts) -> dict[str, str]:
    shown = {name: code(getattr(facts, fact)) for fact, name in SHOWN.items()}
    return {**shown, **{f"{DATA}{field_id}": value_id for field_id, value_id in facts.data.items()}}


def code(value: Status | UUID | bool | datetime | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return "" if value is None else str(value)


class HistoryBroken(ValueError):
    """The entries contradict each other."""


def fold(history: Iterable[Sequence[Mapping[str, str]]]) -> Facts:
    """The facts to which a history leads, from the changes of each entry in their order. Raises HistoryBroken."""
    told: dict[str, str] = dict(NOTHING)
    for entry in history:
        for change in entry:
            name, was = change["field"], told.get(change["field"], "")
            # What continues a ticket is told in its history, and is no fact of its own.
            if name == NEXT:
                continue
            if change["before"] != was:
                raise HistoryBroken(f"{name} changes from {change['before']!r}, and was {was!r}")
            told[name] = change["after"]
    shown = {fact: told.get(name, "") for fact, name in SHOWN.items()}
    try:
        return Facts(
            Status(shown["status"]),
            UUID(shown["department_id"]),
            UUID(shown["level_id"]),
            UUID(shown["holder_id"]) if shown["holder_id"] else None,
            shown["released"] == "true",
            shown["awaiting_customer"] == "true",
            datetime.fromisoformat(shown["awaiting_until"]) if shown["awaiting_until"] else None,
            shown["new_message"] == "true",
            Priority(shown["priority"]),
            UUID(shown["service_type_id"]) if shown["service_type_id"] else None,
            {name.removeprefix(DATA): code for name, code in told.items() if name.startswith(DATA) and code},
        )
    except ValueError as error:
        raise HistoryBroken(f"it does not say what the ticket is: {error}") from error
