"""The queue: the tickets somebody sees, page by page, and how many: domain.visibility as index reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
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
        WHERE {place} AND status <> 'CLOSED' AND (last_activity_at, id) < (:at, :id) {since}
        ORDER BY last_activity_at DESC, id DESC LIMIT {limit}
    ) AS newest"""
APPROVALS = "unnest(CAST(:approvals AS uuid[])) AS p(level_id)"
APPROVAL = "level_id = p.level_id AND status = 'APPROVAL' AND 'APPROVAL' = ANY(CAST(:statuses AS text[]))"
SINCE = "AND last_activity_at >= coalesce((SELECT at FROM oldest), '-infinity')"


def _page(queues: str, levels: str, place: str) -> Any:
    """The newest of every queue and of every level seen as a whole, merged.

    The newest few of each place (:each; together a page or more) tell how old a ticket of this page can be at most, and
    only what is no older is read then. So the cost is one of places and of a page, neither their product nor anything
    that grows with the tickets.
    """
    parts = {
        queues: "queue_key = q.key" + place,
        levels: "level_id = w.level_id" + place,
        APPROVALS: APPROVAL,
    }

    def newest(since: str, limit: str) -> str:
        lateral = [part + NEWEST.format(place=of, since=since, limit=limit) for part, of in parts.items()]
        return " UNION ".join(f"SELECT newest.id, newest.last_activity_at FROM {each}" for each in lateral)  # noqa: S608

    order = "ORDER BY last_activity_at DESC, id DESC LIMIT :size"
    return _bound(f"""
        tickets.id = ANY(ARRAY(
            WITH few AS ({newest("", ":each")}),
            oldest AS (SELECT last_activity_at AS at FROM few ORDER BY last_activity_at DESC OFFSET :size - 1 LIMIT 1)
            SELECT id FROM ({newest(SINCE, ":size")}) AS found {order}
        ))""")  # noqa: S608  # of constants


QUEUES = "unnest(CAST(:keys AS text[])) AS q(key)"
WHOLE = "unnest(CAST(:whole AS uuid[])) AS w(level_id)"
STATUSES = " CROSS JOIN unnest(CAST(:statuses AS text[])) AS s(status)"
MINE = text("""
    tickets.id = ANY(ARRAY(
        SELECT id FROM tickets
        WHERE holder_id = :me AND status <> 'CLOSED' AND status = ANY(:statuses) AND level_id = ANY(:levels)
            AND (last_activity_at, id) < (:at, :id)
        ORDER BY last_activity_at DESC, id DESC LIMIT :size
    ))""").bindparams(bindparam("statuses", type_=ARRAY(Text)), bindparam("levels", type_=ARRAY(ID)))
# One statement each for a whole page: their ids as an array, so that the planner looks each of them up.
PAGE_OF_MINE, PAGE_OF_ALL, PAGE_OF_STATUSES = (
    NAMED.where(ids).order_by(TICKETS.c.last_activity_at.desc(), TICKETS.c.id.desc())
    for ids in (
        MINE,
        _page(QUEUES, WHOLE, ""),
        _page(QUEUES + STATUSES, WHOLE + STATUSES, " AND status = s.status"),
    )
)

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
        mine = {"me": viewer.attendant_id, "levels": sorted(levels)}
        return connection.execute(PAGE_OF_MINE, mine | limits).all()
    where = places(viewer, wanted.levels)
    each = ceil(size / max(1, sum(map(len, where.values()))))
    query = PAGE_OF_ALL if set(wanted.statuses) == set(LIVE) else PAGE_OF_STATUSES
    return connection.execute(query, {**where, **limits, "each": each}).all()


def counts(connection: Connection, viewer: Viewer) -> list[tuple[UUID, Status, int]]:
    """(level, status, how many) of everything live that the viewer sees."""
    statuses = [str(status) for status in Status if status is not Status.CLOSED]
    found = connection.execute(COUNTS, {**places(viewer, None), "statuses": statuses})
    return [(UUID(level_id), Status(status), count) for level_id, status, count in found]
