"""Who sees what (Q3): the one home of that decision.

A viewer has keys and a ticket has keys; one in common means the viewer sees the ticket. A ticket's are its queue_key
(its level's queue, or its holder's alone), its level as a whole, and, while a reply awaits approval, its level's
approvals. List and counts read by these keys, reads and commands compare them, and they are the audience of pushed
events: so none of them can disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Viewer:
    """An attendant as far as seeing and treating tickets goes.

    levels: member of; whole_levels: those seen as a whole, as supervisor or viewer; supervised_levels: those of the
    departments they supervise; approval_levels: those whose tickets awaiting approval they see; department_of: the
    department of each of all these.
    """

    attendant_id: UUID
    organization_id: UUID
    levels: frozenset[UUID]
    supervised_levels: frozenset[UUID] = frozenset()
    whole_levels: frozenset[UUID] = frozenset()
    approval_levels: frozenset[UUID] = frozenset()
    department_of: Mapping[UUID, UUID] = field(default_factory=dict, hash=False)

    def treats(self, level_id: UUID) -> bool:
        """Approvers and viewers see, but treat nothing."""
        return level_id in self.levels or level_id in self.supervised_levels


def queue_keys(viewer: Viewer, levels: frozenset[UUID]) -> list[str]:
    """The queues whose tickets the viewer sees as a member of these of their levels."""
    chosen = sorted(viewer.levels & levels)
    return [key for level in chosen for key in (f"l:{level}", f"a:{viewer.attendant_id}@{level}")]


def viewer_keys(viewer: Viewer) -> list[str]:
    whole = [f"w:{level}" for level in sorted(viewer.whole_levels)]
    return queue_keys(viewer, viewer.levels) + whole + [f"p:{level}" for level in sorted(viewer.approval_levels)]


def ticket_keys(queue_key: str, level_id: UUID, status: str) -> list[str]:
    """queue_key: as the database generates it from level, holder and released; see the migration."""
    keys = [queue_key, f"w:{level_id}"]
    return [*keys, f"p:{level_id}"] if status == "APPROVAL" else keys


def sees(viewer: Viewer, keys: list[str]) -> bool:
    return not set(viewer_keys(viewer)).isdisjoint(keys)


def queue_key(level_id: UUID, holder_id: UUID | None, released: bool) -> str:
    """As the database generates it from the same three; a test holds both side by side."""
    return f"l:{level_id}" if holder_id is None or released else f"a:{holder_id}@{level_id}"
