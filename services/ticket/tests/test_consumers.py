"""What others announce, however often and in whatever order it arrives."""

from uuid import UUID

from guiche.routing.v1 import directory_events_pb2, directory_pb2
from sqlalchemy import Connection

from servicekit.events import topology
from servicekit.ids import new_id
from ticket.consumers import CONSUMES, attendant_changed, department_changed, level_changed
from ticket.domain.visibility import viewer_keys
from ticket.handlers.reading import viewer
from ticket.storage import directory


def test_what_is_handled_is_what_is_sent_here() -> None:
    topology.check("ticket", CONSUMES)


def test_an_older_state_never_replaces_a_newer_one(connection: Connection) -> None:
    department, organization = str(new_id()), str(new_id())

    def announce(version: int, name: str) -> None:
        event = directory_events_pb2.DepartmentChanged(
            id=department, version=version, organization_id=organization, name=name
        )
        department_changed(connection, event)
        department_changed(connection, event)

    announce(1, "Vendas")
    announce(3, "Pós-venda")
    announce(2, "Comercial")
    (name,) = directory.names(connection, directory.DEPARTMENTS, [UUID(department)]).values()
    assert name == "Pós-venda"


def test_a_membership_that_ends_ends_what_the_attendant_sees(connection: Connection) -> None:
    organization, department, level, attendant = (new_id() for _ in range(4))
    level_changed(
        connection,
        directory_events_pb2.LevelChanged(
            id=str(level),
            version=1,
            organization_id=str(organization),
            department_id=str(department),
            name="N1",
            position=1,
        ),
    )

    def announce(version: int, levels: list[str], roles: list[directory_pb2.RoleAssignment]) -> list[str]:
        event = directory_events_pb2.AttendantChanged(
            id=str(attendant), version=version, organization_id=str(organization), name="Ana", active=True
        )
        event.level_ids.extend(levels)
        event.roles.extend(roles)
        attendant_changed(connection, event)
        return viewer_keys(viewer(connection, organization, attendant))

    supervisor = directory_pb2.RoleAssignment(role=directory_pb2.ROLE_SUPERVISOR, department_id=str(department))
    assert announce(1, [str(level)], []) == [f"l:{level}", f"a:{attendant}@{level}"]
    assert announce(2, [], [supervisor]) == [f"w:{level}"]
    assert announce(3, [], []) == []
