"""Service types and what departments demand before closing: read by everybody, changed by who is in charge."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from servicekit.errors import InvalidRequest, NotAllowed, Stale, Violation
from servicekit.ids import new_id
from ticket.domain.service_types import Field, Kind, fields_of
from ticket.domain.visibility import Viewer
from ticket.failures import DepartmentNotFound, ServiceTypeNotFound
from ticket.storage import directory, service_types

# Of closing rules that nobody has set yet.
UNSET = 0


@dataclass(frozen=True, slots=True)
class Definition:
    """All of a service type that somebody decides. department_ids: none for the whole organization."""

    name: str
    department_ids: Sequence[UUID]
    fields: Sequence[Field]
    active: bool = True


def create(connection: Connection, organization_id: UUID, said: Definition) -> Row[Any]:
    """Ids that fields and choices lack are given. For whoever may: see check_charge()."""
    check(connection, organization_id, said, [])
    service_type_id = new_id()
    service_types.put(connection, row_of(service_type_id, organization_id, 1, said))
    return read(connection, organization_id, service_type_id)


def update(connection: Connection, who: Viewer, service_type_id: UUID, etag: str, said: Definition) -> Row[Any]:
    known = service_types.find(connection, who.organization_id, service_type_id, lock=True)
    if known is None:
        raise ServiceTypeNotFound
    check_charge(connection, who, known.department_ids)
    check_charge(connection, who, said.department_ids)
    if etag != str(known.version):
        raise Stale("The service type has changed since you read it.", {"etag": str(known.version)})
    check(connection, who.organization_id, said, changed_kinds(fields_of(known.fields), said.fields))
    service_types.put(connection, row_of(service_type_id, who.organization_id, known.version + 1, said))
    return read(connection, who.organization_id, service_type_id)


def read(connection: Connection, organization_id: UUID, service_type_id: UUID) -> Row[Any]:
    found = service_types.find(connection, organization_id, service_type_id)
    if found is None:
        raise ServiceTypeNotFound
    return found


def closing_rules(connection: Connection, who: Viewer, department_id: UUID) -> tuple[int, bool]:
    """(version, whether a service type is demanded); UNSET where nobody has decided."""
    known_department(connection, who.organization_id, department_id)
    found = service_types.closing_rules(connection, department_id)
    return (found.version, found.service_type_required) if found is not None else (UNSET, False)


def update_closing_rules(
    connection: Connection, who: Viewer, department_id: UUID, etag: str, *, required: bool
) -> tuple[int, bool]:
    """etag: empty to set it whatever it is."""
    known_department(connection, who.organization_id, department_id)
    check_charge(connection, who, [department_id])
    found = service_types.closing_rules(connection, department_id, lock=True)
    version = found.version if found is not None else UNSET
    if etag and etag != str(version):
        raise Stale("What the department demands has changed since you read it.", {"etag": str(version)})
    demand(connection, who.organization_id, department_id, version + 1, required=required)
    return version + 1, required


def demand(
    connection: Connection, organization_id: UUID, department_id: UUID, version: int = 1, *, required: bool = True
) -> None:
    row = {"department_id": department_id, "organization_id": organization_id, "version": version}
    service_types.put_closing_rules(connection, {**row, "service_type_required": required})


def known_department(connection: Connection, organization_id: UUID, department_id: UUID) -> None:
    if department_id not in directory.departments_of(connection, organization_id, [department_id]):
        raise DepartmentNotFound


def check_charge(connection: Connection, who: Viewer, department_ids: Sequence[UUID]) -> None:
    """Administrators are in charge of everything, supervisors of what is of their departments alone."""
    everything, departments = directory.in_charge(connection, who.attendant_id)
    if everything or (department_ids and set(department_ids) <= departments):
        return
    raise NotAllowed("Only an administrator, or the supervisor of all departments concerned, may change this.")


def changed_kinds(known: Mapping[str, Field], fields: Sequence[Field]) -> Iterator[Violation]:
    """A field never changes its kind, also not by being taken out and put in again: values given for it must fit."""
    for n, field in enumerate(fields):
        if field.id and field.id not in known:
            yield Violation(f"fields[{n}].id", "UNKNOWN", "There is no such field; a new one gets its id here.")
        elif field.id and field.kind is not known[field.id].kind:
            yield Violation(f"fields[{n}].kind", "CHANGED", "A field keeps its kind; add another field instead.")


def check(connection: Connection, organization_id: UUID, said: Definition, changed: Iterable[Violation]) -> None:
    """INVALID_REQUEST with everything that does not fit; changed: what does not fit to the fields it had."""
    known = directory.departments_of(connection, organization_id, said.department_ids)
    violations = [
        Violation(f"department_ids[{n}]", "UNKNOWN", "There is no such department.")
        for n, department_id in enumerate(said.department_ids)
        if department_id not in known
    ]
    violations += [
        Violation(place, "NAME", "A name needs printable characters, and not only spaces.")
        for place, name in names(said)
        if not name.isprintable() or not name.strip()
    ]
    ids = [field.id for field in said.fields if field.id]
    for n, field in enumerate(said.fields):
        if field.id and ids.count(field.id) > 1:
            violations.append(Violation(f"fields[{n}].id", "REPEATED", "Another field has this id."))
        if (field.kind is Kind.CHOICE) is not bool(field.choices):
            words = "A choice needs choices, and only a choice has them."
            violations.append(Violation(f"fields[{n}].choices", "KIND", words))
    violations += changed
    if violations:
        raise InvalidRequest("The service type is not consistent.", violations=violations)


def names(said: Definition) -> Iterator[tuple[str, str]]:
    """Every name with its place in the request."""
    yield "name", said.name
    for n, field in enumerate(said.fields):
        yield f"fields[{n}].name", field.name
        for m, name in enumerate(field.choices.values()):
            yield f"fields[{n}].choices[{m}].name", name


def row_of(service_type_id: UUID, organization_id: UUID, version: int, said: Definition) -> dict[str, Any]:
    return {
        "id": service_type_id,
        "organization_id": organization_id,
        "version": version,
        "name": said.name,
        "department_ids": list(said.department_ids),
        "fields": [stored(field) for field in said.fields],
        "active": said.active,
    }


def stored(field: Field) -> dict[str, Any]:
    return {
        "id": field.id or str(new_id()),
        "name": field.name,
        "kind": field.kind.value,
        "mandatory": field.mandatory,
        "choices": [{"id": id_, "name": name} for id_, name in field.choices.items()],
    }
