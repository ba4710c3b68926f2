"""Two streams that are sorted by the same id, side by side: what compares tables of two databases in little memory."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row

By = Callable[[Row[Any]], UUID]
Pair = tuple[UUID, list[Row[Any]], list[Row[Any]]]


def by_id(row: Row[Any]) -> UUID:
    found: UUID = row.id
    return found


def side_by_side(left: Iterable[Row[Any]], right: Iterable[Row[Any]]) -> Iterator[Pair]:
    """Every id with its rows of either side; UUIDs are in the same order in PostgreSQL and here."""
    lefts, rights = groups(left), groups(right)
    mine, theirs = next(lefts, None), next(rights, None)
    while mine is not None or theirs is not None:
        if theirs is None or (mine is not None and mine[0] < theirs[0]):
            assert mine is not None
            yield mine[0], mine[1], []
            mine = next(lefts, None)
        elif mine is None or theirs[0] < mine[0]:
            yield theirs[0], [], theirs[1]
            theirs = next(rights, None)
        else:
            yield mine[0], mine[1], theirs[1]
            mine, theirs = next(lefts, None), next(rights, None)


def groups(rows: Iterable[Row[Any]]) -> Iterator[tuple[UUID, list[Row[Any]]]]:
    return ((key, list(group)) for key, group in groupby(rows, key=by_id))
