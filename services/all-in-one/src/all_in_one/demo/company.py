"""The demo's company: who works where, and which mailbox feeds whom."""

from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy import Connection

from all_in_one.demo.mails import CONTACT, FINANCE, SERVICE, TECHNICAL
from mail.domain import Account
from mail.storage import accounts
from routing.domain.directory import RoleOf
from routing.handlers import directory, rules

PASSWORD = "guiche"  # noqa: S105  # of the demo, and printed on its first screen
# Accounts have the same ids in every demo, since two databases have to agree on them.
NAMESPACE = UUID("6f5f1c9e-3b0c-4d44-9f5e-5d3f0a6c1b7e")


@dataclass(frozen=True)
class Company:
    """departments: by name."""

    organization_id: UUID
    departments: dict[str, UUID]


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    # "Department/level" places and "ROLE:department" or "ROLE:" (everywhere) roles.
    places: tuple[str, ...]
    roles: tuple[str, ...]
    told: str


PEOPLE = (
    Person("ana", "Ana Souza", ("Atendimento/N1",), (), "attendant, Atendimento N1"),
    Person("bruno", "Bruno Lima", ("Atendimento/N1",), (), "attendant, Atendimento N1"),
    Person(
        "fabio",
        "Fábio Alves",
        ("Atendimento/N1", "Atendimento/N2", "Financeiro/N1"),
        (),
        "attendant, Atendimento N1 and N2, Financeiro",
    ),
    Person("davi", "Davi Reis", ("Financeiro/N1",), (), "attendant, Financeiro"),
    Person("carla", "Carla Dias", (), ("SUPERVISOR:Atendimento", "SUPERVISOR:Financeiro"), "supervisor"),
    Person("elisa", "Elisa Melo", (), ("APPROVER:",), "approver: sees what awaits approval"),
    Person("admin", "Administração", (), ("ADMINISTRATOR:",), "administrator: sees no tickets"),
)
LEVELS = ("Atendimento/N1", "Atendimento/N2", "Financeiro/N1")
MAILBOXES = (
    (SERVICE, "Atendimento/N1", "Demo – Atendimento"),
    (CONTACT, "Atendimento/N1", "Demo – Contato"),
    (TECHNICAL, "Atendimento/N2", "Demo – Suporte técnico"),
    (FINANCE, "Financeiro/N1", "Demo – Financeiro"),
)
# What customers are told when a ticket opens, before its protocol. Finance keeps to the product's own words.
ACKNOWLEDGEMENTS = {
    "Atendimento": (
        "Olá!\n\nRecebemos a sua mensagem e já abrimos um atendimento. Respondemos em até um dia útil; se quiser "
        "acrescentar algo, é só responder a este e-mail.\n\nEquipe de atendimento da Demo"
    ),
}


def account_id(address: str) -> UUID:
    return uuid5(NAMESPACE, address)


def found(connection: Connection, password_hash: str) -> Company:
    """Organization, project, departments, levels, people, rules and reply accounts, in routing's database."""
    organization_id = directory.add_organization(connection, "Demo Comércio S.A.")
    project_id = directory.add_project(connection, organization_id, "Loja virtual")
    departments: dict[str, UUID] = {}
    levels: dict[str, UUID] = {}
    for place in LEVELS:
        department, level = place.split("/")
        if department not in departments:
            departments[department] = directory.add_department(connection, project_id, department)
        levels[place] = directory.add_level(connection, departments[department], level)
    for person in PEOPLE:
        directory.add_attendant(
            connection,
            organization_id,
            person.name,
            person.username,
            f"{person.username}@demo.guiche",
            password_hash,
            [levels[place] for place in person.places],
            [role(said, departments) for said in person.roles],
        )
    for address, place, _ in MAILBOXES:
        rules.add_rule(connection, organization_id, account_id(address), levels[place])
    for place, level_id in levels.items():
        own = [account_id(address) for address, of, _ in MAILBOXES if of == place]
        directory.set_level_accounts(connection, level_id, own)
    for department, words in ACKNOWLEDGEMENTS.items():
        directory.set_acknowledgement(connection, departments[department], words)
    return Company(organization_id, departments)


def role(said: str, departments: dict[str, UUID]) -> RoleOf:
    name, _, department = said.partition(":")
    return RoleOf(name, departments[department] if department else None)


def open_mailboxes(connection: Connection, organization_id: UUID) -> None:
    """In mail's database."""
    for address, _, name in MAILBOXES:
        accounts.add(connection, Account(account_id(address), organization_id, address, name))
