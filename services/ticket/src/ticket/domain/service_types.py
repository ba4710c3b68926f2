"""Typed fields of service types: which values fit them, and what is missing before a ticket may be closed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

MAX_TEXT = 4000
# At most 18 digits, 6 of them after the point.
NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,6})?", re.ASCII)
MAX_DIGITS = 18
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class Kind(StrEnum):
    TEXT = "TEXT"
    NUMBER = "NUMBER"
    DATE = "DATE"
    CHOICE = "CHOICE"
    YES_NO = "YES_NO"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked for. choices: names by id, in their order."""

    id: str
    name: str
    kind: Kind
    mandatory: bool
    choices: Mapping[str, str]


def fields_of(stored: Sequence[Mapping[str, Any]]) -> dict[str, Field]:
    """Fields by id, as the database keeps them."""
    return {
        field["id"]: Field(
            field["id"],
            field["name"],
            Kind(field["kind"]),
            field["mandatory"],
            {choice["id"]: choice["name"] for choice in field["choices"]},
        )
        for field in stored
    }


def misfit(field: Field, value: str) -> str:
    """Why a value that is not empty does not fit its field; empty where it does."""
    match field.kind:
        case Kind.TEXT:
            fits, expected = len(value) <= MAX_TEXT and "\0" not in value, f"a text of at most {MAX_TEXT} characters"
        case Kind.NUMBER:
            fits = NUMBER.fullmatch(value) is not None and sum(map(str.isdigit, value)) <= MAX_DIGITS
            expected = "a number as 1234.50, of at most 18 digits, 6 of them after the point"
        case Kind.DATE:
            fits, expected = is_day(value), "a day as 2026-11-21"
        case Kind.CHOICE:
            fits, expected = value in field.choices, "the id of one of its choices"
        case Kind.YES_NO:
            fits, expected = value in ("true", "false"), '"true" or "false"'
    return "" if fits else f"{field.name} needs {expected}."


def is_day(value: str) -> bool:
    if not DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def missing(fields: Mapping[str, Field], data: Mapping[str, str]) -> list[Field]:
    """The mandatory fields that are not filled, in their order."""
    return [field for field in fields.values() if field.mandatory and field.id not in data]
