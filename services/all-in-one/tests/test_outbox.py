"""The outbox page: everything in a mail may have been written by an attacker."""

import os
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from flask import Flask, Response

from all_in_one.outbox.views import pages
from gateway.pages import on_this_machine
from gateway.testing import serving, settings_for
from servicekit.tokens import make_keys

# The same in every process, since it names tests.
MISSING = "0192f3a1-7c1e-7d7a-9c5e-2f1d0b6a8c4e"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outbox")


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    keys = tmp_path_factory.mktemp("keys")
    make_keys(keys)
    settings = settings_for(keys, address_rate=0)
    with (
        serving(settings, extra=pages(folder)) as running,
        httpx.Client(base_url=running.url, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def emptied(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def put(folder: Path, content: bytes, at: float = 0) -> str:
    name = str(uuid4())
    (folder / f"{name}.eml").write_bytes(content)
    os.utime(folder / f"{name}.eml", (at or 1_700_000_000, at or 1_700_000_000))
    return name


def mail(subject: str = "Re: Pedido", to: str = "maria@exemplo.com") -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"] = "Demo – Atendimento <atendimento@demo.guiche>"
    made["To"] = to
    made["Subject"] = subject
    made["X-Note"] = SCRIPT
    made.set_content(f"Olá, Maria! {SCRIPT}")
    made.add_alternative(f"<p>Olá, <b>Maria</b>!</p>{SCRIPT}", subtype="html")
    made.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="relatório.pdf")
    return made


def test_mails_are_listed_newest_first(client: httpx.Client, folder: Path) -> None:
    assert "Ainda não saiu nenhum e-mail" in client.get("/outbox").text
    put(folder, mail("Primeira: não chegou").as_bytes(), at=1_700_000_000)
    put(folder, mail("Segunda").as_bytes(), at=1_700_000_100)
    text = client.get("/outbox").text
    assert text.index("Segunda") < text.index("Primeira: não chegou")
    assert "Demo – Atendimento &lt;atendimento@demo.guiche&gt;" in text
    assert "maria@exemplo.com" in text


def test_one_mail_shows_its_headers_text_html_and_files(client: httpx.Client, folder: Path) -> None:
    name = put(folder, mail().as_bytes())
    answer = client.get(f"/outbox/{name}")
    assert answer.status_code == 200
    assert f'<iframe title="Mensagem em HTML" sandbox src="/outbox/{name}/html"></iframe>' in answer.text
    for shown in ("Olá, Maria!", "X-Note", "relatório.pdf", "application/pdf, 8 bytes", "multipart/mixed"):
        assert shown in answer.text
    number = answer.text.split(f"/outbox/{name}/files/")[1].split('"')[0]
    file = client.get(f"/outbox/{name}/files/{number}")
    assert (file.status_code, file.content) == (200, b"%PDF-1.4")
    assert file.headers["Content-Disposition"].startswith("attachment; ")
    assert client.get(f"/outbox/{name}/raw").content == (folder / f"{name}.eml").read_bytes()


def test_nothing_of_a_mail_is_run(client: httpx.Client, folder: Path) -> None:
    name = put(folder, mail(subject=SCRIPT, to=f'"{SCRIPT}" <a@b.c>').as_bytes())
    for path in ("/outbox", f"/outbox/{name}"):
        answer = client.get(path)
        assert SCRIPT not in answer.text
        assert "&lt;script&gt;" in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
    frame = client.get(f"/outbox/{name}/html")
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert frame.headers["X-Content-Type-Options"] == "nosniff"
    raw = client.get(f"/outbox/{name}/raw")
    assert raw.headers["Content-Disposition"].startswith("attachment; ")


@pytest.mark.parametrize(
    "path",
    [
        "/outbox/x",
        "/outbox/%00",
        f"/outbox/{MISSING}",
        f"/outbox/{MISSING}/html",
        f"/outbox/{MISSING}/raw",
        f"/outbox/{MISSING}/files/0",
    ],
)
def test_what_is_not_there_is_not_found(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "x/html/../../../etc/passwd"])
def test_no_path_leads_out_of_the_folder(client: httpx.Client, path: str) -> None:
    assert "root:" not in client.get(f"/outbox/{path}").text


@pytest.mark.parametrize("number", ["99", "-1", "x", "0000", "%D9%A3"])
def test_a_part_that_is_not_there_is_not_found(client: httpx.Client, folder: Path, number: str) -> None:
    name = put(folder, mail().as_bytes())
    assert client.get(f"/outbox/{name}/files/{number}").status_code == 404


def test_nothing_but_mails_of_the_folder_itself_is_shown(client: httpx.Client, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("Subject: segredo\n\nsegredo")
    name = str(uuid4())
    (folder / f"{name}.eml").symlink_to(secret)
    (folder / f".{uuid4()}.17").write_text("Subject: metade\n\n")
    (folder / "notes.eml").write_text("Subject: notas\n\n")
    text = client.get("/outbox").text
    assert not any(word in text for word in ("segredo", "metade", "notas"))
    for path in (f"/outbox/{name}", f"/outbox/{name}/raw", "/outbox/notes"):
        assert client.get(path).status_code == 404


BROKEN = [
    b"",
    b"\x00\xff" * 100,
    b"Subject: =?utf-8?b?AAA?= =?x?q?=FF?=\r\n\r\nx",
    b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xe9",
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: text/html; name*0*=\xff''%FF\r\n",
    b"Content-Disposition: attachment; filename*=x'y'%FF%FE\r\nContent-Type: a\r\n\r\nx",
    b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(2_000)),
    b"Subject: x\r\n" + b"X-A: b\r\n" * 50_000 + b"\r\nx",
]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_mail_breaks_nothing(client: httpx.Client, folder: Path, content: bytes) -> None:
    name = put(folder, content)
    for path in ("/outbox", f"/outbox/{name}", f"/outbox/{name}/raw"):
        assert client.get(path).status_code == 200
    assert client.get(f"/outbox/{name}/files/0").status_code in (200, 404)


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 403), ("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:8080", 200)]
)
def test_another_site_cannot_read_it_by_a_name_that_points_here(client: httpx.Client, host: str, status: int) -> None:
    assert client.get("/outbox", headers={"Host": host}).status_code == status


def test_another_machine_cannot_read_it() -> None:
    app = Flask(__name__)
    view = on_this_machine(lambda: Response("mails"))
    for address, status in (("127.0.0.1", 200), ("::1", 200), ("192.168.0.7", 403)):
        with app.test_request_context(base_url="http://192.168.0.5:8080", environ_base={"REMOTE_ADDR": address}):
            assert app.make_response(view()).status_code == status
