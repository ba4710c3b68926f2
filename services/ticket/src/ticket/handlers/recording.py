"""The one way by which tickets change: facts, history and events, together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from servicekit.events.outbox import publish
from servicekit.ids import new_id
from ticket import events
from ticket.domain import facts, verbs
from ticket.domain.facts import Facts
from ticket.domain.verbs import Verb
from ticket.storage import tickets

SYSTEM: tuple[str, UUID | None] = ("SYSTEM", None)


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one locked ticket: `row` as it was before all of this, `old` and `new` the facts around this one.

    actor: kind and id. snippet: of a message of the customer. traceparent: of the trace it belongs to, "" for the
    current one.
    """

    row: Row[Any]
    verb: Verb
    old: Facts
    new: Facts
    actor: tuple[str, UUID | None]
    message_id: UUID | None = None
    snippet: str | None = None
    traceparent: str = ""

    @property
    def counted(self) -> bool:
        return verbs.counts(self.verb, self.old, self.new)


def record(connection: Connection, steps: Sequence[Step], now: datetime) -> dict[UUID, Row[Any]]:
    """Writes any number of steps in as many statements as one needs; the tickets as they stand then, by id.

    Several steps of one ticket follow each other.
    """
    saved: dict[UUID, dict[str, Any]] = {}
    entries = []
    for step in steps:
        before = saved.get(step.row.id) or {**step.row._mapping}
        saved[step.row.id] = stepped(before, step, now)
        entries.append(entry(step, saved[step.row.id]["version"], now))
    tickets.save(connection, [{name: row[name] for name in tickets.SAVED_COLUMNS} for row in saved.values()])
    tickets.append(connection, entries)
    after = tickets.named(connection, list(saved))
    told = [(str(s.row.id), events.event(s.verb, s.row, after[s.row.id], s.message_id)) for s in steps]
    traceparents = [step.traceparent for step in steps]
    publish(connection, told, traceparents if any(traceparents) else ())
    return after


def stepped(before: dict[str, Any], step: Step, now: datetime) -> dict[str, Any]:
    """The ticket's columns after a step."""
    moved = step.new != step.old or step.verb in verbs.MESSAGES
    return {
        **before,
        **tickets.columns_of(step.new),
        "version": before["version"] + 1,
        "interactions": before["interactions"] + int(step.counted),
        "last_activity_at": now if moved else before["last_activity_at"],
        "last_message_id": step.message_id if step.verb in verbs.MESSAGES else before["last_message_id"],
        "snippet": before["snippet"] if step.snippet is None else step.snippet,
    }


def entry(step: Step, version: int, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "ticket_id": step.row.id,
        "version": version,
        "kind": verbs.KINDS[step.verb],
        "counted": step.counted,
        "at": at,
        "actor_kind": step.actor[0],
        "actor_id": step.actor[1],
        "changes": facts.changes(step.old, step.new),
        "message_id": step.message_id,
    }
