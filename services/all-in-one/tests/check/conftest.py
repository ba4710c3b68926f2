"""A house in which everything has happened once, put to rest; and copies of it to be damaged."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from conversing import all_of, answered_by_mail, becomes, done, messages, opened, somebody
from correspondent import Correspondent
from e2e_support import System, all_tickets
from test_all_in_one import running

from all_in_one.check.checking import Result
from all_in_one.check.command import checked
from all_in_one.check.promises import Promise
from all_in_one.check.settings import CheckSettings
from all_in_one.environment import OWNERS, free_ports
from localservers.postgres import Postgres, drop, template_clone
from servicekit.testing import eventually


@dataclass
class House:
    """databases: url by owner."""

    databases: dict[str, str]
    files: Path
    rabbitmq_url: str = ""

    @property
    def settings(self) -> CheckSettings:
        urls = {f"{owner}_database_url": url for owner, url in self.databases.items()}
        return CheckSettings(**urls, mail_files_url=self.files.as_uri(), rabbitmq_url=self.rabbitmq_url)

    def check(
        self, only: Callable[[Promise], bool] = lambda promise: True, settle: float = 0, **options: float
    ) -> dict[str, Result]:
        """The promises that were not kept, by their words. options: of check.command.checked()."""
        results = checked(self.settings, options.pop("grace", 0), settle, only=only, **options)
        return {f"{r.promise.of}: {r.promise.words}": r for r in results if r.broken or r.unseen}

    def execute(self, owner: str, *statements: str) -> list[str]:
        """The first column of what the last one gives. Neither triggers nor foreign keys stand in the way."""
        url = self.databases[owner].replace("+psycopg", "", 1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                done = connection.execute(statement)
            return [str(row[0]) for row in done.fetchall()] if done.description else []


@pytest.fixture(scope="session")
def customers_server() -> Iterator[Correspondent]:
    server = Correspondent()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def lived_in(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres, customers_server: Correspondent
) -> House:
    data, port, smtp_port = tmp_path_factory.mktemp("house"), *free_ports(2)
    name = uuid4().hex[:8]
    urls = {owner: postgres_server.database(f"house_{name}_{owner}") for owner in OWNERS}
    settings = {f"GUICHE_{owner.upper()}_DATABASE_URL": url for owner, url in urls.items()}
    house = House(urls, data / "files")
    with pytest.MonkeyPatch.context() as patch:
        for key, value in {**settings, "GUICHE_SMTP_RELAY": customers_server.address}.items():
            patch.setenv(key, value)
        with running(data, (port, smtp_port)) as (system, process):
            live(system, customers_server)
            eventually(lambda: not house.check(), seconds=30)
            process.terminate()
            process.wait(timeout=60)
    assert not house.check()
    return house


def live(system: System, customers: Correspondent) -> None:
    """Something of everything that leaves a trace."""
    customer = somebody()
    with system.client("ana") as ana, system.client("davi") as davi:
        ticket = opened(system, ana, customer)
        acknowledgement = customers.acknowledgement(customer)
        machine_answers(system, acknowledgement.mail, customer)
        done(ana, ticket, "start")
        attached = upload(ana, ticket["id"], b"%PDF-1.4 segunda via")
        said = {"text": "Segue.", "attachmentIds": [attached], "thenStatus": "PENDING", "awaiting": {"mode": "RELEASE"}}
        done(ana, ticket, "reply", **said)
        answered_by_mail(system, customers.reply(customer), customer, "Obrigada, recebi.")
        becomes(ana, ticket, "ANSWERED")
        done(ana, ticket, "reply", text="De nada.", thenStatus="CLOSED")
        answered_by_mail(system, customers.reply(customer, 2), customer, "Voltou a acontecer.")
        (later,) = eventually(lambda: [t for t in all_of(ana, customer) if t["id"] != ticket["id"]], 30)
        done(ana, later, "start")
        done(ana, later, "awaitReply", mode="FOLLOW", until=(datetime.now(UTC) + timedelta(days=1)).isoformat())
        upload(ana, later["id"], b"nunca enviado")
        classify(davi)
        eventually(lambda: messages(ana, ticket)[-1]["delivery"] is not None)


def machine_answers(system: System, mail: EmailMessage, customer: str) -> None:
    """To the signed address of what was sent, as an absent customer's server does."""
    to = EmailMessage()
    to["From"], to["To"], to["Subject"] = customer, mail["From"], f"Ausente: {mail['Subject']}"
    to["In-Reply-To"], to["Message-ID"] = mail["Message-ID"], f"<{uuid4()}@exemplo.com>"
    to["Auto-Submitted"] = "auto-replied"
    to.set_content("Estou de férias.")
    system.send(to, sender=customer)


def upload(client: httpx.Client, ticket_id: str, content: bytes) -> str:
    headers = {"Content-Type": "application/pdf", "X-File-Name": "segunda%20via.pdf"}
    answer = client.post(f"/tickets/{ticket_id}/attachments", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def classify(davi: httpx.Client) -> None:
    """A ticket of Financeiro, where a service type is demanded."""
    ticket = next(t for t in all_tickets(davi) if t["department"]["name"] == "Financeiro" and t["holder"] is None)
    done(davi, ticket, "start")
    types = davi.get("/serviceTypes", params={"departmentId": ticket["department"]["id"]}).json()["serviceTypes"]
    chosen = next(one for one in types if one["name"] == "Cobrança")
    number = next(f for f in chosen["fields"] if f["kind"] == "TEXT")
    body = {"serviceTypeId": chosen["id"], "data": [{"fieldId": number["id"], "value": "4711"}]}
    answer = davi.put(f"/tickets/{ticket['id']}/serviceType", json=body)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def copied(lived_in: House, postgres_server: Postgres, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """`copied("mail")`: the house with a mail database of one's own; `copied(files=True)`: with files of one's own."""
    made: list[str] = []

    def copy(*owners: str, files: bool = False) -> House:
        house = House(dict(lived_in.databases), lived_in.files)
        for owner in owners:
            template = lived_in.databases[owner].rpartition("/")[2]
            made.append(f"damaged_{uuid4().hex[:8]}_{owner}")
            house.databases[owner] = template_clone(postgres_server, template, made[-1])
        if files:
            house.files = tmp_path / "files"
            shutil.copytree(lived_in.files, house.files)
        return house

    yield copy
    for name in made:
        drop(postgres_server, name)
