"""Rows as the public contract words them: the one place that decides what of a ticket is shown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from guiche.common.v1 import reference_pb2
from guiche.ticket.v1 import ticket_events_pb2, ticket_pb2, ticket_service_pb2
from sqlalchemy import Connection, Row

from ticket.domain import verbs
from ticket.domain.facts import DATA, NEXT, Status
from ticket.domain.visibility import Viewer
from ticket.events import awaiting, last_message_id, stamp
from ticket.handlers.reading import etag_of, sees
from ticket.storage import directory, service_types, tickets

# Changes whose codes are ids of what others own, and where their names stand.
NAMED_FIELDS = {
    "department": directory.DEPARTMENTS,
    "level": directory.LEVELS,
    "holder": directory.ATTENDANTS,
    "serviceType": service_types.SERVICE_TYPES,
}
ACTOR_TABLES = {"ATTENDANT": directory.ATTENDANTS, "CUSTOMER": directory.PUBLISHERS}


def reference(id: UUID | None, name: str | None) -> reference_pb2.Reference | None:
    return reference_pb2.Reference(id=str(id), name=name or "") if id else None


def status_value(status: str) -> ticket_pb2.TicketStatus.ValueType:
    return ticket_pb2.TicketStatus.Value(f"TICKET_STATUS_{status}")


def actor(kind: str, id: UUID | None, name: str | None) -> ticket_pb2.Actor:
    return ticket_pb2.Actor(kind=ticket_pb2.ActorKind.Value(f"ACTOR_KIND_{kind}"), id=str(id or ""), name=name or "")


def ticket(row: Row[Any], who: Viewer) -> ticket_pb2.Ticket:
    # Customers are the only ones who open tickets so far, so the opener's name is the publisher's.
    return ticket_pb2.Ticket(
        id=str(row.id),
        etag=etag_of(row),
        protocol=row.protocol,
        subject=row.subject,
        snippet=row.snippet,
        status=status_value(row.status),
        priority=ticket_pb2.TicketPriority.Value(f"TICKET_PRIORITY_{row.priority}"),
        platform=reference_pb2.Platform.Value(f"PLATFORM_{row.platform}"),
        department=reference(row.department_id, row.department_name),
        level=reference(row.level_id, row.level_name),
        holder=reference(row.holder_id, row.holder_name),
        released=row.released,
        publisher=reference(row.publisher_id, row.publisher_name),
        occurred_at=stamp(row.occurred_at),
        opened_at=stamp(row.opened_at),
        opened_by=actor(row.opened_by_kind, row.opened_by_id, row.publisher_name),
        last_activity_at=stamp(row.last_activity_at),
        interactions=row.interactions,
        allowed_verbs=verbs.allowed_verbs(tickets.facts_of(row), who),
        awaiting=awaiting(row),
        new_message=row.new_message,
        service_type=reference(row.service_type_id, row.service_type_name),
        last_message_id=last_message_id(row),
    )


def whole_ticket(connection: Connection, row: Row[Any], who: Viewer) -> ticket_pb2.Ticket:
    """With what costs further queries, so it is not in lists: the data of the service type, and links."""
    shown = ticket(row, who)
    given = service_types.values(connection, row.data.values())
    shown.service_type_data.extend(
        ticket_pb2.FieldValue(field_id=field_id, value=given[value_id].value)
        for field_id, value_id in row.data.items()
        if value_id in given
    )
    for near in tickets.links(connection, row):
        next_one = near.previous_ticket_id == row.id
        kind = ticket_pb2.TICKET_LINK_KIND_NEXT if next_one else ticket_pb2.TICKET_LINK_KIND_PREVIOUS
        # Whoever may not see a ticket may know its number, but is shown no way to it.
        ticket_id = str(near.id) if sees(who, near) else ""
        shown.links.add(kind=kind, ticket_id=ticket_id, protocol=near.protocol)
    return shown


class Shown(NamedTuple):
    """What a part of a history mentions. hidden: ids of tickets that the reader may not see."""

    names: Mapping[str, str]
    hidden: frozenset[str]


def shown_in(connection: Connection, rows: Sequence[Row[Any]], who: Viewer) -> Shown:
    """One query per kind of thing."""
    wanted: dict[Any, set[UUID]] = {}
    values: set[str] = set()
    next_ids: set[UUID] = set()
    for row in rows:
        if row.actor_id and row.actor_kind in ACTOR_TABLES:
            wanted.setdefault(ACTOR_TABLES[row.actor_kind], set()).add(row.actor_id)
        for change in row.changes:
            table = NAMED_FIELDS.get(change["field"])
            codes = [code for code in (change["before"], change["after"]) if code]
            if table is not None:
                wanted.setdefault(table, set()).update(map(UUID, codes))
            elif change["field"].startswith(DATA):
                values.update(codes)
            elif change["field"] == NEXT:
                next_ids.update(map(UUID, codes))
    found = {value_id: row.shown for value_id, row in service_types.values(connection, values).items()}
    for table, ids in wanted.items():
        found.update({str(id_): name for id_, name in directory.names(connection, table, ids).items()})
    following = tickets.by_id(connection, next_ids)
    found.update({str(row.id): row.protocol for row in following})
    return Shown(found, frozenset(str(row.id) for row in following if not sees(who, row)))


def interaction(row: Row[Any], shown: Shown) -> ticket_events_pb2.Interaction:
    return ticket_events_pb2.Interaction(
        id=str(row.id),
        kind=ticket_events_pb2.InteractionKind.Value(f"INTERACTION_KIND_{row.kind}"),
        counted=row.counted,
        at=stamp(row.at),
        actor=actor(row.actor_kind, row.actor_id, shown.names.get(str(row.actor_id))),
        changes=[
            ticket_events_pb2.Change(
                field=change["field"],
                before=value(change["field"], change["before"], shown),
                after=value(change["field"], change["after"], shown),
            )
            for change in row.changes
        ],
        message_id=str(row.message_id or ""),
    )


def value(field: str, code: str, shown: Shown) -> ticket_events_pb2.Value | None:
    if not code:
        return None
    named = field in NAMED_FIELDS or field.startswith(DATA) or field == NEXT
    name = shown.names.get(code, "") if named else ""
    return ticket_events_pb2.Value(code="" if code in shown.hidden else code, name=name)


def counts(
    counted: Iterable[tuple[UUID, Status, int]], levels: Sequence[Any]
) -> ticket_service_pb2.CountTicketsResponse:
    """levels: all the attendant's, in the order of the sidebar, with department_id and names."""
    by_level: dict[UUID, Counter[Status]] = {}
    for level_id, status, count in counted:
        by_level.setdefault(level_id, Counter())[status] += count
    answer = ticket_service_pb2.CountTicketsResponse()
    overall: Counter[Status] = Counter()
    per_department: dict[UUID, tuple[ticket_service_pb2.DepartmentCount, Counter[Status]]] = {}
    for level in levels:
        if level.department_id not in per_department:
            department = answer.departments.add(department=reference(level.department_id, level.department_name))
            per_department[level.department_id] = (department, Counter())
        department, sums = per_department[level.department_id]
        mine = by_level.get(level.id, Counter())
        department.levels.add(level=reference(level.id, level.name), statuses=status_counts(mine), total=mine.total())
        sums.update(mine)
        overall.update(mine)
    for department, sums in per_department.values():
        department.statuses.extend(status_counts(sums))
        department.total = sums.total()
    answer.statuses.extend(status_counts(overall))
    answer.total = overall.total()
    return answer


def status_counts(counter: Counter[Status]) -> list[ticket_service_pb2.StatusCount]:
    return [
        ticket_service_pb2.StatusCount(status=status_value(status), count=counter[status])
        for status in Status
        if counter[status]
    ]
