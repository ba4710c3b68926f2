"""My information."""

from uuid import UUID, uuid4

import grpc
import pytest
from guiche.common.v1.reference_pb2 import Reference
from guiche.routing.v1 import directory_pb2
from guiche.routing.v1.directory_service_pb2 import GetMeRequest
from guiche.routing.v1.directory_service_pb2_grpc import DirectoryServiceStub
from routing_support import House
from sqlalchemy import event

from routing.domain.directory import RoleOf
from routing.handlers import directory
from servicekit.database import Database
from servicekit.errors import Failure
from servicekit.rpc.caller import Attendant
from servicekit.rpc.client import Peer


def me(peer: Peer, stub: DirectoryServiceStub, organization: UUID | str, attendant: UUID | str) -> directory_pb2.Me:
    caller = Attendant(str(attendant), str(organization))
    return peer.call(stub.GetMe, GetMeRequest(), attendant=caller).me


def reference(row_id: UUID, name: str) -> Reference:
    return Reference(id=str(row_id), name=name)


def test_a_member_sees_their_levels_and_nothing_of_other_departments(
    gateway: Peer, directory_stub: DirectoryServiceStub, house: House
) -> None:
    project = reference(house.project, "SAC")
    assert me(gateway, directory_stub, house.organization, house.ana) == directory_pb2.Me(
        attendant=reference(house.ana, "Ana"),
        username="ana",
        email="ana@demo.guiche",
        organizations=[reference(house.organization, "Demo")],
        projects=[project],
        departments=[
            directory_pb2.MyDepartment(
                department=reference(house.service, "Atendimento"), levels=[reference(house.n1, "N1")], project=project
            )
        ],
    )


def test_several_levels_stand_in_their_order_under_their_department(
    gateway: Peer, directory_stub: DirectoryServiceStub, house: House, database: Database
) -> None:
    with database.transaction() as connection:
        directory.set_memberships(connection, house.ana, [house.payments, house.n2, house.n1])
    answer = me(gateway, directory_stub, house.organization, house.ana)
    assert [(d.department.name, [level.name for level in d.levels]) for d in answer.departments] == [
        ("Atendimento", ["N1", "N2"]),
        ("Financeiro", ["Pagamentos"]),
    ]


@pytest.mark.parametrize(
    ("role", "departments"),
    [
        (RoleOf("SUPERVISOR"), ["Atendimento", "Financeiro"]),
        (RoleOf("VIEWER"), ["Atendimento", "Financeiro"]),
        (RoleOf("ADMINISTRATOR"), []),
    ],
)
def test_a_role_in_the_whole_organization_links_to_all_departments_except_the_administrators(
    gateway: Peer,
    directory_stub: DirectoryServiceStub,
    house: House,
    database: Database,
    role: RoleOf,
    departments: list[str],
) -> None:
    with database.transaction() as connection:
        directory.set_roles(connection, house.carla, [role])
    answer = me(gateway, directory_stub, house.organization, house.carla)
    assert [d.department.name for d in answer.departments] == departments
    assert [(directory_pb2.Role.Name(r.role), r.department_id) for r in answer.roles] == [(f"ROLE_{role.role}", "")]


def test_a_supervisor_sees_their_department_without_levels(
    gateway: Peer, directory_stub: DirectoryServiceStub, house: House
) -> None:
    answer = me(gateway, directory_stub, house.organization, house.carla)
    assert [(d.department.name, list(d.levels)) for d in answer.departments] == [("Atendimento", [])]
    assert [r.department_id for r in answer.roles] == [str(house.service)]


def test_it_takes_two_queries(
    gateway: Peer, directory_stub: DirectoryServiceStub, house: House, database: Database
) -> None:
    me(gateway, directory_stub, house.organization, house.ana)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    me(gateway, directory_stub, house.organization, house.ana)
    assert len(statements) == 2


def test_nobody_inactive_unknown_or_of_another_organization_is_anybody(
    gateway: Peer, directory_stub: DirectoryServiceStub, house: House, database: Database
) -> None:
    with database.transaction() as connection:
        other = directory.add_organization(connection, "Outra")
        directory.set_active(connection, house.ana, False)
    for organization, attendant in (
        (house.organization, house.ana),
        (other, house.carla),
        (house.organization, uuid4()),
    ):
        with pytest.raises(Failure) as refused:
            me(gateway, directory_stub, organization, attendant)
        assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ATTENDANT_INACTIVE")


def test_a_call_for_nobody_is_refused(gateway: Peer, directory_stub: DirectoryServiceStub, house: House) -> None:
    with pytest.raises(Failure) as refused:
        me(gateway, directory_stub, house.organization, "no-uuid")
    assert refused.value.code == grpc.StatusCode.UNAUTHENTICATED
