"""What must be true of occurrences and rules, seen from routing's own tables."""

from collections.abc import Iterator

from sqlalchemy import select

from routing.storage.occurrences import GIVEN_UP
from routing.storage.tables import LEVELS, OCCURRENCES, RULES
from servicekit.checking import Check, Finding, Look
from servicekit.checks import EVENTS, tried, work_is_done


def no_occurrence_is_given_up(look: Look) -> Iterator[Finding]:
    columns = (OCCURRENCES.c.id, OCCURRENCES.c.failed_at, OCCURRENCES.c.attempts, OCCURRENCES.c.last_error)
    for _, rows in look.pages(select(*columns).where(GIVEN_UP), OCCURRENCES.c.id):
        for row in rows:
            yield Finding(str(row.id), f"this occurrence was given up at {row.failed_at:%F %T}; {tried(row)}")


def occurrences_know_their_fate(look: Look) -> Iterator[Finding]:
    names = ("id", "state", "reason", "ticket_id", "done_at")
    for _, rows in look.pages(select(*(OCCURRENCES.c[name] for name in names)), OCCURRENCES.c.id):
        for row in rows:
            if (row.state == "ROUTED") is not (row.ticket_id is not None):
                yield Finding(str(row.id), f"it is {row.state}, and its ticket is {row.ticket_id}")
            if (row.state == "NEW") is not (row.done_at is None):
                yield Finding(str(row.id), f"it is {row.state}, and its end is {row.done_at}")
            if row.state in ("WAITING", "DISMISSED") and not row.reason:
                yield Finding(str(row.id), f"it is {row.state}, and nobody knows why")


def rules_lead_somewhere(look: Look) -> Iterator[Finding]:
    query = select(RULES.c.id, RULES.c.organization_id, LEVELS.c.organization_id.label("of"))
    query = query.outerjoin(LEVELS, LEVELS.c.id == RULES.c.level_id)
    for _, rows in look.pages(query, RULES.c.id):
        for row in rows:
            if row.of != row.organization_id:
                yield Finding(str(row.id), "this rule leads to a level that its organization does not have")


CHECKS = (
    Check("Every occurrence is routed in time", work_is_done(OCCURRENCES, "occurrence", "received_at")),
    Check("No occurrence was given up", no_occurrence_is_given_up),
    Check("Every occurrence has one fate: routed, waiting or dismissed", occurrences_know_their_fate),
    Check("Every rule leads to a level of its organization", rules_lead_somewhere),
    *EVENTS,
)
