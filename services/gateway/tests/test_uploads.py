"""Uploads: passed on as they come, limited, and never taken for whole when they are not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider

from gateway.failures import Busy
from gateway.testing import World, serving, settings_for
from gateway.uploads import MOST_OF_ONE, Slots
from servicekit import telemetry
from servicekit.testing import eventually

MEBIBYTE = 1024 * 1024


def path_of(world: World) -> str:
    return f"/api/v1/tickets/{world.add_ticket().id}/attachments"


def head(world: World, path: str, more: str) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nX-File-Name: a\r\nAuthorization: Bearer {world.token()}\r\n{more}\r\n\r\n"
    )
    return lines.encode()


def test_a_file_is_stored_with_its_name_and_type(client: httpx.Client, world: World) -> None:
    ticket, attendant = world.add_ticket(), str(uuid4())
    content = bytes(range(256)) * 8_000
    given = {"X-File-Name": quote("relatório nº 1.pdf"), "Content-Type": "Application/PDF; x=1"}
    answer = client.post(
        f"/api/v1/tickets/{ticket.id}/attachments", headers=world.headers(attendant) | given, content=content
    )
    assert answer.status_code == 200
    stored = answer.json()
    assert (stored["fileName"], stored["contentType"]) == ("relatório nº 1.pdf", "application/pdf")
    assert (stored["size"], stored["inline"]) == (str(len(content)), False)
    assert answer.headers["Cache-Control"] == "no-store"
    assert world.attachments[stored["id"]][1] == content
    assert world.uploaded_for[stored["id"]] == (attendant, ticket.id)


def test_every_request_on_a_connection_has_a_trace_of_its_own(
    client: httpx.Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes up reading a long body within the request's own context, and the next one comes from there."""
    monkeypatch.setattr(telemetry, "TRACER", TracerProvider().get_tracer("test"))
    headers = world.headers() | {"X-File-Name": "a"}
    for _ in range(2):
        client.post(path_of(world), headers=headers, content=bytes(2 * MEBIBYTE))
    traces = {client.get("/api/v1/tickets/x", headers=headers).json()["traceId"] for _ in range(3)}
    assert len(traces) == 3


def test_an_empty_file_is_a_file(client: httpx.Client, world: World) -> None:
    answer = client.post(path_of(world), headers=world.headers() | {"X-File-Name": "vazio.txt"})
    assert (answer.status_code, answer.json()["size"], answer.json()["contentType"]) == (200, "0", "")


def test_a_file_is_passed_on_while_it_comes(client: httpx.Client, world: World) -> None:
    arrived = threading.Event()
    world.during_upload = lambda received: arrived.set()

    def body() -> Iterator[bytes]:
        yield bytes(MEBIBYTE)
        assert arrived.wait(10), "nothing was passed on before the whole had come"
        yield bytes(MEBIBYTE)

    answer = client.post(path_of(world), headers=world.headers() | {"X-File-Name": "a"}, content=body())
    assert (answer.status_code, answer.json()["size"]) == (200, str(2 * MEBIBYTE))


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Content-Disposition": "attachment; filename=\"x\"; filename*=UTF-8''relat%C3%B3rio.pdf"}, "relatório.pdf"),
        ({"X-File-Name": "..%2F..%2Fetc%2Fpasswd"}, "passwd"),
        ({"X-File-Name": "foto%E2%80%AEgpj.exe"}, "fotogpj.exe"),
        ({"X-File-Name": "a b.txt"}, "a b.txt"),
    ],
)
def test_the_name_comes_in_either_header_without_what_could_deceive(
    client: httpx.Client, world: World, headers: dict[str, str], name: str
) -> None:
    answer = client.post(path_of(world), headers=world.headers() | headers, content=b"x")
    assert (answer.status_code, answer.json()["fileName"]) == (200, name)


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({}, "X-File-Name"),
        ({"X-File-Name": ""}, "X-File-Name"),
        ({"X-File-Name": "%FF"}, "X-File-Name"),
        ({"X-File-Name": "relat\u00f3rio"}, "X-File-Name"),
        ({"X-File-Name": "x" * 256}, "X-File-Name"),
        ({"X-File-Name": "a", "Content-Type": "pdf"}, "Content-Type"),
        ({"X-File-Name": "a", "Content-Type": "a/" + "b" * 200}, "Content-Type"),
    ],
)
def test_a_bad_header_is_named_and_nothing_is_sent(
    client: httpx.Client, world: World, headers: dict[str, str], pointer: str
) -> None:
    given = {name: value.encode("latin-1") for name, value in (world.headers() | headers).items()}
    answer = client.post(path_of(world), headers=given, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not world.calls_of("UploadAttachment")


def test_a_file_for_an_invisible_ticket_is_refused_unread(client: httpx.Client, world: World) -> None:
    path = f"/api/v1/tickets/{uuid4()}/attachments"
    answer = client.post(path, headers=world.headers() | {"X-File-Name": "a"}, content=bytes(MEBIBYTE))
    assert (answer.status_code, answer.json()["code"]) == (404, "TICKET_NOT_FOUND")
    assert not world.calls_of("UploadAttachment")


def test_nobody_uploads_without_having_signed_in(client: httpx.Client, world: World) -> None:
    answer = client.post(path_of(world), headers={"X-File-Name": "a"}, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")


def test_a_cookie_alone_uploads_nothing_since_a_form_of_another_site_would_bring_it(
    client: httpx.Client, world: World
) -> None:
    headers = {"Cookie": f"__Host-guiche-access={world.token()}", "X-File-Name": "a"}
    answer = client.post(path_of(world), headers=headers, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (403, "CSRF_HEADER_MISSING")
    answer = client.post(path_of(world), headers=headers | {"X-Guiche-CSRF": "1"}, content=b"x")
    assert answer.status_code == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_over_the_limit_is_refused(client: httpx.Client, world: World, announced: bool) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(21):
            yield bytes(MEBIBYTE)

    content = bytes(21 * MEBIBYTE) if announced else body()
    answer = client.post(path_of(world), headers=world.headers() | {"X-File-Name": "a"}, content=content)
    assert (answer.status_code, answer.json()["code"]) == (413, "ATTACHMENT_TOO_LARGE")
    assert not world.attachments


@pytest.mark.parametrize("more", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
def test_a_client_that_goes_away_half_way_has_stored_nothing(client: httpx.Client, world: World, more: str) -> None:
    url = httpx.URL(str(client.base_url))
    part = b"400\r\n" + bytes(1024) + b"\r\n" if "chunked" in more else bytes(1024)
    arrived = threading.Event()
    world.during_upload = lambda received: arrived.set()
    with socket.create_connection((url.host, url.port or 80)) as leaving:
        leaving.sendall(head(world, path_of(world), more) + part)
        eventually(lambda: world.calls_of("UploadAttachment"))
    answer = client.post(path_of(world), headers=world.headers() | {"X-File-Name": "whole"}, content=b"x")
    assert answer.status_code == 200
    assert [attachment.file_name for attachment, _ in world.attachments.values()] == ["whole"]


def test_a_client_that_sends_too_slowly_is_cut_off_and_gives_its_place_back(
    keys_folder: Path, addresses: dict[str, str], world: World
) -> None:
    settings = settings_for(keys_folder, uploads=1, body_seconds=0.5, **addresses)
    with (
        serving(settings) as running,
        httpx.Client(base_url=running.url, trust_env=False) as client,
        socket.socket() as slow,
    ):
        url = httpx.URL(running.url)
        slow.settimeout(10)
        slow.connect((url.host, url.port))
        slow.sendall(head(world, path_of(world), "Content-Length: 5000") + b"one")
        eventually(lambda: world.calls_of("UploadAttachment"))
        headers = world.headers() | {"X-File-Name": "b"}
        refused = client.post(path_of(world), headers=headers, content=b"x")
        assert (refused.status_code, refused.json()["code"]) == (503, "BUSY")
        assert slow.recv(12) == b"HTTP/1.1 408"
        eventually(lambda: client.post(path_of(world), headers=headers, content=b"x").status_code == 200)
    assert {attachment.file_name for attachment, _ in world.attachments.values()} == {"b"}


def test_one_attendant_cannot_take_every_place() -> None:
    slots = Slots(5)
    with ExitStack() as mine:
        for _ in range(MOST_OF_ONE):
            mine.enter_context(slots.one("ana"))
        with pytest.raises(Busy), slots.one("ana"):
            pass
        with slots.one("bruno"):
            pass
    with slots.one("ana"):
        pass
