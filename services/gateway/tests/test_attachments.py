"""Downloads: what a stranger wrote, given to a browser."""

import socket
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from gateway.attachments import disposition, safe_name
from gateway.push import stream
from gateway.testing import PNG, World, serving, settings_for
from servicekit.testing import eventually


def download(client: httpx.Client, world: World, attachment_id: str, query: str = "") -> httpx.Response:
    ticket = world.add_ticket()
    return client.get(f"/api/v1/tickets/{ticket.id}/attachments/{attachment_id}{query}", headers=world.headers())


def test_the_bytes_arrive_whole_and_are_not_for_showing(client: httpx.Client, world: World) -> None:
    attachment = world.add_attachment(file_name="relatório.pdf", content_type="application/pdf")
    answer = download(client, world, attachment.id)
    assert answer.content == PNG
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"relatorio.pdf\"; filename*=UTF-8''relat%C3%B3rio.pdf"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/png", "inline"),
        ("image/JPEG", "inline"),
        ("image/gif", "inline"),
        ("image/webp", "inline"),
        ("image/svg+xml", "attachment"),
        ("text/html", "attachment"),
        ("application/pdf", "attachment"),
        ("", "attachment"),
    ],
)
def test_only_pictures_are_shown_inline(client: httpx.Client, world: World, content_type: str, kind: str) -> None:
    attachment = world.add_attachment(file_name="a", content_type=content_type)
    answer = download(client, world, attachment.id, "?disposition=inline")
    assert answer.headers["Content-Disposition"].split(";")[0] == kind


@pytest.mark.parametrize("content_type", ["text/html\r\nSet-Cookie: a=b", "text", "text/plain; charset=x", "é/é"])
def test_a_content_type_that_is_none_becomes_plain_bytes(client: httpx.Client, world: World, content_type: str) -> None:
    attachment = world.add_attachment(file_name="a", content_type=content_type)
    answer = download(client, world, attachment.id)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "Set-Cookie" not in answer.headers


def test_what_is_not_there_is_not_found(client: httpx.Client, world: World) -> None:
    assert download(client, world, str(uuid4())).status_code == 404


def test_the_download_of_an_invisible_ticket_asks_mail_for_nothing(client: httpx.Client, world: World) -> None:
    attachment = world.add_attachment()
    answer = client.get(f"/api/v1/tickets/{uuid4()}/attachments/{attachment.id}", headers=world.headers())
    assert (answer.status_code, answer.json()["code"]) == (404, "TICKET_NOT_FOUND")
    assert not world.calls_of("DownloadAttachment")


def test_a_client_that_takes_nothing_gives_its_place_back(
    keys_folder: Path, addresses: dict[str, str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SEND_SECONDS", 2)
    ticket, attachment = world.add_ticket(), world.add_attachment(bytes(30_000_000), file_name="a")
    path = f"/api/v1/tickets/{ticket.id}/attachments/{attachment.id}"
    small = f"/api/v1/tickets/{ticket.id}/attachments/{world.add_attachment(b'x').id}"
    with (
        serving(settings_for(keys_folder, downloads=1, **addresses)) as running,
        httpx.Client(base_url=running.url, trust_env=False) as client,
        socket.socket() as deaf,
    ):
        url = httpx.URL(running.url)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.connect((url.host, url.port))
        deaf.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.token()}\r\n\r\n".encode())
        assert deaf.recv(12) == b"HTTP/1.1 200"
        refused = client.get(small, headers=world.headers())
        assert (refused.status_code, refused.json()["code"]) == (503, "BUSY")
        assert refused.headers["Retry-After"] == "1"
        eventually(lambda: client.get(small, headers=world.headers()).status_code == 200)


def test_an_empty_file_is_a_file(client: httpx.Client, world: World) -> None:
    attachment = world.add_attachment(b"", file_name="vazio.txt", content_type="text/plain")
    answer = download(client, world, attachment.id)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
        ("foto\u202egpj.exe", "fotogpj.exe"),
        ("", "anexo"),
        ("...", "anexo"),
        ("/", "anexo"),
        ("x" * 400 + ".pdf", "x" * 130 + ".pdf"),
    ],
)
def test_file_names_lose_what_could_deceive(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_quotes_in_a_name_do_not_end_the_header_value() -> None:
    assert disposition("attachment", 'a"; x="b') == (
        "attachment; filename=\"a_; x=_b\"; filename*=UTF-8''a%22%3B%20x%3D%22b"
    )


def test_a_name_without_ascii_letters_has_a_plain_one_beside_it() -> None:
    assert disposition("attachment", "文件") == "attachment; filename=\"anexo\"; filename*=UTF-8''%E6%96%87%E4%BB%B6"
