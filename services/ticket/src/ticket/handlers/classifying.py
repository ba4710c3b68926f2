"""Service types on tickets: what is given is checked, and what is missing keeps a ticket from being closed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from servicekit.ids import new_id
from ticket.domain.facts import Facts, Status
from ticket.domain.service_types import Field, fields_of, misfit, missing
from ticket.domain.verbs import Verb
from ticket.failures import SERVICE_TYPE_FIELD, ClassificationInvalid, ServiceTypeDataMissing, data_field
from ticket.storage import service_types, tickets

Classified = tuple[UUID | None, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Given:
    """A service type (None: not classified) and values by field; an empty value takes a field's value away.

    whole: all there is; else it is added to what the ticket has of the same type.
    """

    service_type_id: UUID | None
    data: Mapping[str, str]
    whole: bool


def resolve(connection: Connection, ticket: Row[Any], given: Given, now: datetime) -> Classified:
    """The type and the ids of its values, new ones stored. ClassificationInvalid names everything that does not fit."""
    fields = fields_to_choose(connection, ticket, given.service_type_id)
    same = given.service_type_id == ticket.service_type_id
    had: dict[str, str] = ticket.data if same else {}
    known = service_types.values(connection, had.values())
    # What was given for a field that is asked for no more stays, whoever sends it back or not.
    retired = {field_id: value_id for field_id, value_id in had.items() if field_id not in fields}
    said = {field_id: value.strip() for field_id, value in given.data.items() if field_id not in retired}
    check_values(fields, said)
    data = {**retired} if given.whole else {**had}
    new = []
    for field_id, value in said.items():
        data.pop(field_id, None)
        if value and field_id in had and known[had[field_id]].value == value:
            data[field_id] = had[field_id]
        elif value:
            new.append(value_row(ticket.id, fields[field_id], value, now))
            data[field_id] = str(new[-1]["id"])
    service_types.add_values(connection, new)
    return given.service_type_id, data


def fields_to_choose(connection: Connection, ticket: Row[Any], service_type_id: UUID | None) -> dict[str, Field]:
    """The fields of a type that may be given to the ticket: active and of its department, or the one it has already."""
    if service_type_id is None:
        return {}
    found = service_types.find(connection, ticket.organization_id, service_type_id)
    if found is None or (
        found.id != ticket.service_type_id
        and not (found.active and ticket.department_id in (found.department_ids or [ticket.department_id]))
    ):
        raise ClassificationInvalid(
            {SERVICE_TYPE_FIELD: ("UNKNOWN", "There is no such service type to choose for this ticket.")}
        )
    return fields_of(found.fields)


def check_values(fields: Mapping[str, Field], said: Mapping[str, str]) -> None:
    problems = {}
    for field_id, value in said.items():
        if field_id not in fields:
            problems[data_field(field_id)] = ("UNKNOWN", "The service type has no such field.")
        elif value and (words := misfit(fields[field_id], value)):
            problems[data_field(field_id)] = (fields[field_id].kind.value, words)
    if problems:
        raise ClassificationInvalid(problems)


def value_row(ticket_id: UUID, field: Field, value: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "ticket_id": ticket_id,
        "field_id": UUID(field.id),
        "value": value,
        "shown": field.choices.get(value, value),
        "at": now,
    }


def check_gate(connection: Connection, ticket: Row[Any], old: Facts, new: Facts, verb: Verb) -> None:
    """The one gate before CLOSED, whichever verb leads there: SERVICE_TYPE_DATA_MISSING where something is.

    What was never answered may be put aside without data (finalise).
    """
    if new.status is not Status.CLOSED or old.status is Status.CLOSED:
        return
    if verb is Verb.FINALIZE and not tickets.was_answered(connection, ticket.id):
        return
    if new.service_type_id is None:
        rules = service_types.closing_rules(connection, ticket.department_id)
        if rules is not None and rules.service_type_required:
            raise ServiceTypeDataMissing([])
        return
    found = service_types.find(connection, ticket.organization_id, new.service_type_id)
    lacking = missing(fields_of(found.fields), new.data) if found is not None else []
    if lacking:
        raise ServiceTypeDataMissing(lacking)
