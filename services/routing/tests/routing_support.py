"""An organization to test with."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from routing.domain.directory import RoleOf
from routing.handlers import directory
from routing.handlers.passwords import Passwords

# The mailbox that messages arrive on.
ACCOUNT = UUID("0a7f3c1e-57ad-4c58-9d55-0d7a4f6a2b11")
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class House:
    """An organization with two departments; ana is a member of the first level, carla supervises the first department."""

    organization: UUID
    project: UUID
    service: UUID
    finance: UUID
    n1: UUID
    n2: UUID
    payments: UUID
    ana: UUID
    carla: UUID


def build_house(connection: Connection, passwords: Passwords) -> House:
    organization = directory.add_organization(connection, "Demo")
    project = directory.add_project(connection, organization, "SAC")
    service = directory.add_department(connection, project, "Atendimento")
    finance = directory.add_department(connection, project, "Financeiro")
    n1 = directory.add_level(connection, service, "N1")
    n2 = directory.add_level(connection, service, "N2")
    payments = directory.add_level(connection, finance, "Pagamentos")
    hashed = passwords.hash(PASSWORD)
    ana = directory.add_attendant(connection, organization, "Ana", "ana", "ana@demo.guiche", hashed, [n1])
    roles = [RoleOf("SUPERVISOR", service)]
    carla = directory.add_attendant(connection, organization, "Carla", "carla", "carla@demo.guiche", hashed, [], roles)
    return House(organization, project, service, finance, n1, n2, payments, ana, carla)
