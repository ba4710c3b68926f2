"""Two installations that acknowledge each other's mail stop after one exchange."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from conversing import somebody
from correspondent import Correspondent
from e2e_support import System, arrives, letter
from test_all_in_one import running

from all_in_one.environment import OWNERS, free_ports
from localservers.postgres import Postgres
from servicekit.testing import eventually

OURS, THEIRS = "sac@alfa.example", "sac@beta.example"


def mailbox(environment: dict[str, str], system: System, address: str) -> None:
    """A further one of the demo's company, whose mail opens tickets where Ana works."""
    with system.client("ana") as ana:
        me = ana.get("/me").json()
    organization, level = me["organizations"][0]["id"], me["departments"][0]["levels"][0]["id"]
    account = str(uuid4())
    for words in (
        ("mail", "account", "add", address, "--organization", organization, "--id", account),
        ("routing", "rule", "add", organization, account, level),
    ):
        subprocess.run([sys.executable, "-m", *words], env=environment, check=True, capture_output=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("strips", [False, True], ids=["as sent", "with the marks of machines lost on the way"])
def test_two_installations_do_not_answer_each_other_without_end(
    system: System,
    customers_server: Correspondent,
    postgres_server: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    strips: bool,
) -> None:
    name = uuid4().hex[:8]
    ours, theirs = OURS.replace("sac", f"sac{name}"), THEIRS.replace("sac", f"sac{name}")
    for owner in OWNERS:
        monkeypatch.setenv(f"GUICHE_{owner.upper()}_DATABASE_URL", postgres_server.database(f"loop_{name}_{owner}"))
    monkeypatch.setenv("GUICHE_SMTP_RELAY", customers_server.address)
    port, smtp_port = free_ports(2)
    with running(tmp_path, (port, smtp_port)) as (other, _):
        mailbox(system.environment(), system, ours)
        mailbox({**os.environ, "GUICHE_KEYS": str(tmp_path / "keys"), **files(tmp_path)}, other, theirs)
        customers_server.strips = strips
        customers_server.routes = {"alfa.example": system.told["smtpPort"], "beta.example": smtp_port}
        try:
            subject = f"Eco {name}"
            system.send(letter(subject, sender=theirs), to=ours, sender=theirs)
            with system.client("ana") as ana:
                arrives(ana, subject)
            customers_server.acknowledgement(theirs)
            # What a customer writes afterwards is acknowledged afterwards: until then there was time for every echo.
            for installation, address in ((system, ours), (other, theirs)) * 2:
                customer = somebody()
                installation.send(letter(f"Depois {uuid4().hex[:8]}", sender=customer), to=address, sender=customer)
                customers_server.acknowledgement(customer)
            customers_server.all_is_handed_over()
            kinds = eventually(lambda: arrived(os.environ["GUICHE_MAIL_DATABASE_URL"], subject), seconds=30)
            assert [bool(kind) for kind in kinds] == [not strips], "they got it, and know whether a machine sent it"
        finally:
            customers_server.strips, customers_server.routes = False, {}
    echoes = [one for one in customers_server.received if subject in str(one.mail["Subject"])]
    exchanged = [to_domain(one.recipients[0]) for one in echoes]
    assert exchanged == (["beta.example", "alfa.example"] if strips else ["beta.example"])


def arrived(url: str, subject: str) -> list[str]:
    """Mails about this, by which kind of automatic mail they are; empty for a person's."""
    query = "SELECT automatic FROM messages WHERE direction = 'IN' AND strpos(subject, %s) > 0"
    with closing(psycopg.connect(url.replace("+psycopg", "", 1))) as connection:
        return [kind for (kind,) in connection.execute(query, [subject])]


def to_domain(address: str) -> str:
    return address.rpartition("@")[2]


def files(data: Path) -> dict[str, Any]:
    return {"GUICHE_MAIL_FILES_URL": (data / "files").as_uri()}
