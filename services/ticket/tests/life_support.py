"""What random lives of tickets are judged by."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from ticket_support import Company

from ticket.domain.facts import DATA, SHOWN, Facts, Priority, Status


def fold(entries: list[Row[Any]]) -> Facts:
    """The facts to which a history leads."""
    told: dict[str, str] = {}
    for entry in entries:
        for change in entry.changes:
            if change["field"] != "next":
                assert told.get(change["field"], "") in (change["before"], ""), (
                    "each change begins where the last ended"
                )
                told[change["field"]] = change["after"]
    shown = {fact: told.get(name, "") for fact, name in SHOWN.items()}
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


def may_see(name: str, company: Company, row: Row[Any]) -> bool:
    """Q3 in the words of the product."""
    levels = {
        "ana": {company.n1},
        "bruno": {company.n1},
        "davi": {company.money},
        "fabio": {company.n1, company.n2, company.money},
        "hugo": {company.n1},
    }
    if name == "carla":
        return row.level_id in (company.n1, company.n2)
    if name in ("vera", "gil"):
        return True
    mine = row.holder_id is None or row.released or str(row.holder_id) == getattr(company, name).id
    return row.level_id in levels.get(name, set()) and mine
