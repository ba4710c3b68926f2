"""What a ticket may be and how it may change: the table of verbs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from ticket.domain.visibility import Viewer


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


@dataclass(frozen=True, slots=True)
class Facts:
    """What verbs change, and nothing else does."""

    status: Status
    department_id: UUID
    level_id: UUID
    holder_id: UUID | None
    released: bool


class Verb(StrEnum):
    START = "start"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table of verbs: from which statuses, whether also from any live status when released, to what."""

    statuses: frozenset[Status]
    when_released: bool
    apply: Callable[[Facts, Viewer], Facts]


def _start(facts: Facts, who: Viewer) -> Facts:
    return replace(facts, status=Status.STARTED, holder_id=who.attendant_id, released=False)


# product.md's table, one row a verb. Every change of Facts goes through it.
TABLE: Mapping[Verb, Rule] = {
    Verb.START: Rule(
        frozenset({Status.CREATED, Status.OPEN, Status.PENDING, Status.ANSWERED, Status.TRANSFERRED, Status.APPROVAL}),
        when_released=True,
        apply=_start,
    ),
}


def allowed(verb: Verb, facts: Facts, who: Viewer) -> bool:
    """Whether someone who sees the ticket may use the verb on it."""
    rule = TABLE[verb]
    from_here = facts.status in rule.statuses or (rule.when_released and facts.released and facts.status in LIVE)
    return from_here and who.treats(facts.level_id)


def allowed_verbs(facts: Facts, who: Viewer) -> list[Verb]:
    return [verb for verb in TABLE if allowed(verb, facts, who)]


def perform(verb: Verb, facts: Facts, who: Viewer) -> Facts | None:
    """The facts afterwards; None where the table does not allow the verb here."""
    return TABLE[verb].apply(facts, who) if allowed(verb, facts, who) else None


def changes(before: Facts | None, after: Facts) -> list[dict[str, str]]:
    """What differs, as history keeps it: field of the public Ticket, code before, code after; "" for nothing."""
    names = {"status": "status", "department_id": "department", "level_id": "level", "holder_id": "holder"}
    pairs = [(shown, _code(getattr(before, f, None)), _code(getattr(after, f))) for f, shown in names.items()]
    found = [{"field": shown, "before": old, "after": new} for shown, old, new in pairs if old != new]
    if before is not None and before.released != after.released:
        found.append(
            {"field": "released", "before": str(before.released).lower(), "after": str(after.released).lower()}
        )
    return found


def _code(value: Status | UUID | None) -> str:
    return "" if value is None else str(value)
