"""The directory and its announcements."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from google.protobuf.message import Message
from guiche.routing.v1 import directory_events_pb2 as events
from guiche.routing.v1.directory_pb2 import ROLE_ADMINISTRATOR, ROLE_SUPERVISOR, RoleAssignment
from routing_support import House, build_house
from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import IntegrityError

from routing.domain.directory import RoleOf
from routing.handlers import directory
from routing.handlers.directory import AlreadyExists, NotFound
from routing.handlers.passwords import Passwords
from routing.storage.tables import ATTENDANTS, DEPARTMENTS, LEVELS, ORGANIZATIONS
from servicekit.database import Database
from servicekit.errors import InvalidRequest
from servicekit.events import commands
from servicekit.events.envelope import type_of
from servicekit.events.outbox import OUTBOX

EVENTS = {
    type_of(event): event
    for event in (
        events.OrganizationChanged,
        events.DepartmentChanged,
        events.LevelChanged,
        events.AttendantChanged,
    )
}


def published(connection: Connection) -> list[Any]:
    rows = connection.execute(select(OUTBOX).order_by(OUTBOX.c.position))
    found = [(row.aggregate, EVENTS[row.type].FromString(row.payload)) for row in rows]
    assert all(event.id == aggregate for aggregate, event in found)
    return [event for _, event in found]


@pytest.fixture
def home(connection: Connection, passwords: Passwords) -> House:
    return build_house(connection, passwords)


@pytest.fixture
def forget(connection: Connection, home: House) -> None:
    connection.execute(OUTBOX.delete())


def test_whatever_is_added_is_announced_with_its_whole_state(connection: Connection, home: House) -> None:
    organization = str(home.organization)
    assert published(connection) == [
        events.OrganizationChanged(id=organization, version=1, name="Demo", time_zone="America/Sao_Paulo"),
        events.DepartmentChanged(id=str(home.service), version=1, organization_id=organization, name="Atendimento"),
        events.DepartmentChanged(id=str(home.finance), version=1, organization_id=organization, name="Financeiro"),
        level(home, home.n1, home.service, "N1", 1),
        level(home, home.n2, home.service, "N2", 2),
        level(home, home.payments, home.finance, "Pagamentos", 1),
        events.AttendantChanged(
            id=str(home.ana), version=1, organization_id=organization, name="Ana", active=True, level_ids=[str(home.n1)]
        ),
        events.AttendantChanged(
            id=str(home.carla),
            version=1,
            organization_id=organization,
            name="Carla",
            active=True,
            roles=[RoleAssignment(role=ROLE_SUPERVISOR, department_id=str(home.service))],
        ),
    ]


def level(home: House, level_id: UUID, department: UUID, name: str, position: int) -> Message:
    return events.LevelChanged(
        id=str(level_id),
        version=1,
        organization_id=str(home.organization),
        department_id=str(department),
        name=name,
        position=position,
    )


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize(
    ("table", "which"),
    [(ORGANIZATIONS, "organization"), (DEPARTMENTS, "service"), (LEVELS, "n1"), (ATTENDANTS, "ana")],
)
def test_a_rename_is_announced_with_the_next_version(
    connection: Connection, home: House, table: Table, which: str
) -> None:
    directory.rename(connection, table, getattr(home, which), "Outro nome")
    [event] = published(connection)
    assert (event.version, event.name) == (2, "Outro nome")


@pytest.mark.usefixtures("forget")
def test_each_change_of_an_attendant_is_announced_whole(connection: Connection, home: House) -> None:
    directory.set_memberships(connection, home.ana, [home.n2, home.payments])
    directory.set_roles(connection, home.ana, [RoleOf("ADMINISTRATOR")])
    directory.set_active(connection, home.ana, False)
    directory.set_active(connection, home.ana, True)
    changes = published(connection)
    assert [event.version for event in changes] == [2, 3, 4, 5]
    assert [event.active for event in changes] == [True, True, False, True]
    assert changes[-1] == events.AttendantChanged(
        id=str(home.ana),
        version=5,
        organization_id=str(home.organization),
        name="Ana",
        active=True,
        level_ids=sorted([str(home.n2), str(home.payments)]),
        roles=[RoleAssignment(role=ROLE_ADMINISTRATOR)],
    )


@pytest.mark.usefixtures("forget")
def test_the_accounts_of_a_level_are_announced_with_it(connection: Connection, home: House) -> None:
    accounts = sorted([uuid4(), uuid4()])
    directory.set_level_accounts(connection, home.n1, [accounts[1], accounts[0], accounts[0]])
    directory.rename(connection, LEVELS, home.n1, "Primeiro")
    directory.set_level_accounts(connection, home.n1, [accounts[1]])
    directory.set_level_accounts(connection, home.n1, [])
    told = published(connection)
    assert [event.version for event in told] == [2, 3, 4, 5]
    both = [str(account) for account in accounts]
    assert [list(event.account_ids) for event in told] == [both, both, both[1:], []]


@pytest.mark.usefixtures("forget")
def test_the_words_of_a_departments_acknowledgement_are_announced_with_it(connection: Connection, home: House) -> None:
    words = "Olá!\nRecebemos a sua mensagem."
    directory.set_acknowledgement(connection, home.service, words)
    directory.rename(connection, DEPARTMENTS, home.service, "SAC")
    directory.set_acknowledgement(connection, home.service, "")
    assert [(event.version, event.acknowledgement) for event in published(connection)] == [
        (2, words),
        (3, words),
        (4, ""),
    ]


@pytest.mark.parametrize("words", ["a\0b", "a\r\nBcc: c@d.example", "x" * 2_001, "a\u202eb"])
def test_an_acknowledgement_nobody_could_read_is_refused(connection: Connection, home: House, words: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        directory.set_acknowledgement(connection, home.service, words)
    assert [violation.field for violation in refused.value.violations] == ["acknowledgement"]


@pytest.mark.usefixtures("forget")
def test_a_new_password_is_announced_to_nobody(connection: Connection, home: House) -> None:
    directory.set_password(connection, home.ana, "hash")
    assert published(connection) == []


def test_no_announcement_holds_an_address_or_a_password(connection: Connection, home: House) -> None:
    payloads = connection.scalars(select(OUTBOX.c.payload)).all()
    assert not any(b"demo.guiche" in payload or b"argon2" in payload for payload in payloads)


def test_changes_of_one_attendant_at_once_are_announced_in_the_order_of_their_versions(
    database: Database, house: House
) -> None:
    def change(n: int) -> None:
        with database.transaction() as connection:
            directory.rename(connection, ATTENDANTS, house.ana, f"Ana {n}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(24)))
    with database.transaction() as connection:
        told = [event for event in published(connection) if event.id == str(house.ana)]
        name = connection.scalar(select(ATTENDANTS.c.name).where(ATTENDANTS.c.id == house.ana))
    assert [event.version for event in told] == list(range(1, 26))
    assert told[-1].name == name


def test_republishing_announces_everything_as_it_is_now(database: Database, house: House) -> None:
    with database.transaction() as connection:
        directory.rename(connection, LEVELS, house.n1, "Primeiro")
        directory.set_memberships(connection, house.ana, [house.n2])
        directory.set_level_accounts(connection, house.n2, [uuid4(), uuid4()])
        directory.set_acknowledgement(connection, house.finance, "Recebemos.")
        newest = {event.id: event for event in published(connection)}
        connection.execute(OUTBOX.delete())
    assert commands.republish(database, directory.republish) == 8
    with database.transaction() as connection:
        again = published(connection)
    assert {event.id: event for event in again} == newest
    assert isinstance(again[0], events.OrganizationChanged)
    assert isinstance(again[-1], events.AttendantChanged)


def test_what_is_of_another_organization_cannot_be_linked(
    connection: Connection, home: House, passwords: Passwords
) -> None:
    other = directory.add_organization(connection, "Outra")
    stranger = directory.add_attendant(connection, other, "Zé", "ze", "ze@outra.example", "hash")
    with pytest.raises(NotFound):
        directory.set_memberships(connection, stranger, [home.n1])
    with pytest.raises(NotFound):
        directory.set_roles(connection, stranger, [RoleOf("VIEWER", home.service)])
    with pytest.raises(IntegrityError), connection.begin_nested():
        connection.exec_driver_sql(
            "INSERT INTO memberships VALUES (%s, %s, %s)", (home.organization, stranger, home.n1)
        )


@pytest.mark.parametrize(
    "change",
    [
        lambda c, n: directory.add_project(c, n, "P"),
        lambda c, n: directory.add_department(c, n, "D"),
        lambda c, n: directory.add_level(c, n, "L"),
        lambda c, n: directory.add_attendant(c, n, "A", "a", "a@b.example", "hash"),
        lambda c, n: directory.rename(c, LEVELS, n, "L"),
        lambda c, n: directory.set_level_accounts(c, n, [uuid4()]),
        lambda c, n: directory.set_acknowledgement(c, n, "Recebemos."),
        lambda c, n: directory.set_memberships(c, n, []),
        lambda c, n: directory.set_roles(c, n, []),
        lambda c, n: directory.set_active(c, n, False),
        lambda c, n: directory.set_password(c, n, "hash"),
    ],
)
def test_what_does_not_exist_is_not_found(connection: Connection, change: Callable[[Connection, UUID], object]) -> None:
    with pytest.raises(NotFound):
        change(connection, uuid4())


@pytest.mark.parametrize("username", ["ana", "ANA", " Ana ", "ａｎａ", "Ａna"])
def test_a_username_is_taken_however_it_is_written(connection: Connection, home: House, username: str) -> None:
    with pytest.raises(AlreadyExists):
        directory.add_attendant(connection, home.organization, "Outra Ana", username, "a@b.example", "hash")


@pytest.mark.parametrize(
    ("username", "email", "name"),
    [
        ("a\0b", "a@b.example", "A"),
        ("", "a@b.example", "A"),
        ("two words", "a@b.example", "A"),
        ("x" * 101, "a@b.example", "A"),
        ("ß" * 51, "a@b.example", "A"),
        ("a", "nowhere", "A"),
        ("a", "a@b\r\nBcc: c@d.example", "A"),
        ("a", "a@b.example", "A\0"),
        ("a", "a@b.example", "  "),
        ("a", "a@b.example", "A\u202eB"),
    ],
)
def test_an_attendant_who_cannot_be_is_refused(
    connection: Connection, home: House, username: str, email: str, name: str
) -> None:
    with pytest.raises(InvalidRequest):
        directory.add_attendant(connection, home.organization, name, username, email, "hash")


def test_a_time_zone_that_is_none_is_refused(connection: Connection) -> None:
    with pytest.raises(InvalidRequest) as refused:
        directory.add_organization(connection, "Demo", "America/Nowhere")
    assert [violation.field for violation in refused.value.violations] == ["time_zone"]


def test_a_name_or_position_that_is_taken_is_refused(connection: Connection, home: House) -> None:
    changes: list[Callable[[], object]] = [
        lambda: directory.add_organization(connection, "Demo"),
        lambda: directory.add_project(connection, home.organization, "SAC"),
        lambda: directory.add_department(connection, home.project, "Financeiro"),
        lambda: directory.add_level(connection, home.service, "N1"),
        lambda: directory.add_level(connection, home.service, "N3", 2),
        lambda: directory.rename(connection, DEPARTMENTS, home.service, "Financeiro"),
        lambda: directory.rename(connection, LEVELS, home.n1, "N2"),
    ]
    for change in changes:
        with pytest.raises(AlreadyExists):
            change()


def change_then_fail(database: Database, house: House) -> None:
    with database.transaction() as connection:
        directory.rename(connection, LEVELS, house.n1, "Primeiro")
        directory.set_memberships(connection, house.ana, [uuid4()])


def test_a_failed_change_announces_nothing(database: Database, house: House) -> None:
    with database.transaction() as connection:
        before = len(published(connection))
    with pytest.raises(NotFound):
        change_then_fail(database, house)
    with database.transaction() as connection:
        assert len(published(connection)) == before
