"""The queue: the tickets somebody sees, page by page, and how many: domain.visibility as index reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from ticket.domain.facts import LIVE, Status
from ticket.domain.visibility import Viewer, queue_keys
from ticket.storage.tickets import ID, NAMED, TICKETS

START = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True)
class Filter:
    """levels: None for all that the viewer sees. mine: only what the viewer holds."""

    statuses: tuple[Status, ...]
    levels: frozenset[UUID] | None = None
    mine: bool = False


def _bound(sql: str) -> Any:
    return text(sql).bindparams(
        bindparam("keys", type_=ARRAY(Text)),
        bindparam("whole", type_=ARRAY(ID)),
        bindparam("approvals", type_=ARRAY(ID)),
        bindparam("statuses", type_=ARRAY(Text)),
    )


# The newest few tickets of one place, a position in that order onwards: a short read of an index in the wanted order.
NEWEST = """
    CROSS JOIN LATERAL (
        SELECT id, last_activity_at FROM tickets
        WHERE {place} AND status <> 'CLOSED' AND (last_activity_at, id) < (:at, :id)
        ORDER BY last_activity_at DESC, id DESC LIMIT :size
    ) AS page"""
APPROVALS = "unnest(CAST(:approvals AS uuid[])) AS p(level_id)" + NEWEST.format(
    place="level_id = p.level_id AND status = 'APPROVAL' AND 'APPROVAL' = ANY(CAST(:statuses AS text[]))"
)


def _page(queues: str, levels: str, place: str) -> Any:
    """The newest of every queue and of every level seen as a whole, merged.

    The cost depends on how many places somebody sees, never on how many tickets there are.
    """
    parts = [
        queues + NEWEST.format(place="queue_key = q.key" + place),
        levels + NEWEST.format(place="level_id = w.level_id" + place),
        APPROVALS,
    ]
    union = " UNION ".join(f"SELECT page.id, page.last_activity_at FROM {part}" for part in parts)  # noqa: S608
    order = "ORDER BY last_activity_at DESC, id DESC LIMIT :size"
    return _bound(f"SELECT id FROM ({union}) AS found {order}")  # noqa: S608  # of constants


QUEUES = "unnest(CAST(:keys AS text[])) AS q(key)"
WHOLE = "unnest(CAST(:whole AS uuid[])) AS w(level_id)"
STATUSES = " CROSS JOIN unnest(CAST(:statuses AS text[])) AS s(status)"
PAGE_OF_ALL = _page(QUEUES, WHOLE, "")
PAGE_OF_STATUSES = _page(QUEUES + STATUSES, WHOLE + STATUSES, " AND status = s.status")

MINE = text("""
    SELECT id FROM tickets
    WHERE holder_id = :me AND status <> 'CLOSED' AND status = ANY(:statuses) AND level_id = ANY(:levels)
        AND (last_activity_at, id) < (:at, :id)
    ORDER BY last_activity_at DESC, id DESC LIMIT :size
""").bindparams(bindparam("statuses", type_=ARRAY(Text)), bindparam("levels", type_=ARRAY(ID)))

# A queue key ends in its level, so these counts are read from the index alone.
COUNTS = _bound("""
    SELECT right(queue_key, 36) AS level_id, status, count(*) AS count FROM tickets
    WHERE queue_key = ANY(:keys) AND status = ANY(:statuses) AND status <> 'CLOSED'
    GROUP BY queue_key, status
    UNION ALL
    SELECT level_id::text, status, count(*) FROM tickets
    WHERE level_id = ANY(:whole) AND status = ANY(:statuses) AND status <> 'CLOSED'
    GROUP BY level_id, status
    UNION ALL
    SELECT level_id::text, status, count(*) FROM tickets
    WHERE level_id = ANY(:approvals) AND status = 'APPROVAL' AND NOT queue_key = ANY(:keys)
    GROUP BY level_id, status
""")


def places(viewer: Viewer, levels: frozenset[UUID] | None) -> dict[str, Any]:
    """The parameters that say where to look, each ticket from one side only: what is seen as a whole needs no queue."""

    def within(some: frozenset[UUID]) -> frozenset[UUID]:
        return some if levels is None else some & levels

    return {
        "keys": queue_keys(viewer, within(viewer.levels) - viewer.whole_levels),
        "whole": sorted(within(viewer.whole_levels)),
        "approvals": sorted(within(viewer.approval_levels) - viewer.whole_levels),
    }


def page(
    connection: Connection, viewer: Viewer, wanted: Filter, before: tuple[datetime, UUID], size: int
) -> Sequence[Row[Any]]:
    """Up to `size` tickets of the viewer, newest activity first, that come after a position in that order."""
    limits = {"statuses": [str(s) for s in wanted.statuses], "at": before[0], "id": before[1], "size": size}
    if wanted.mine:
        levels = viewer.levels | viewer.whole_levels
        levels = levels if wanted.levels is None else levels & wanted.levels
        ids = connection.scalars(MINE, {"me": viewer.attendant_id, "levels": sorted(levels), **limits}).all()
    else:
        query = PAGE_OF_ALL if set(wanted.statuses) == set(LIVE) else PAGE_OF_STATUSES
        ids = connection.scalars(query, {**places(viewer, wanted.levels), **limits}).all()
    if not ids:
        return []
    order = (TICKETS.c.last_activity_at.desc(), TICKETS.c.id.desc())
    return connection.execute(NAMED.where(TICKETS.c.id.in_(ids)).order_by(*order)).all()


def counts(connection: Connection, viewer: Viewer) -> list[tuple[UUID, Status, int]]:
    """(level, status, how many) of everything live that the viewer sees."""
    statuses = [str(status) for status in Status if status is not Status.CLOSED]
    found = connection.execute(COUNTS, {**places(viewer, None), "statuses": statuses})
    return [(UUID(level_id), Status(status), count) for level_id, status, count in found]
