"""The web app's files and the documentation."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask import Response

from gateway import pages
from gateway.testing import Running, World, serving, settings_for


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web") / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Guichê</title>", encoding="utf-8")
    (folder / "assets" / "app-1a2b.js").write_text("let a = 1", encoding="utf-8")
    (folder / "frame.html").write_text("<!doctype html><title>Mensagem</title>", encoding="utf-8")
    (folder / "icon.svg").write_text("<svg/>", encoding="utf-8")
    (folder.parent / "secret.txt").write_text("segredo", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def site(dist: Path, keys_folder: Path, addresses: dict[str, str]) -> Iterator[Running]:
    settings = settings_for(keys_folder, **addresses).model_copy(update={"web_dist": dist})
    with serving(settings, extra={"/outbox": lambda: Response("Nada saiu ainda.")}) as running:
        yield running


@pytest.fixture
def visitor(site: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/tickets/0197", "/entrar?volta=/", "/index.html"])
def test_every_address_of_the_web_app_is_its_first_page(visitor: httpx.Client, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert "Guichê" in answer.text
    assert answer.headers["Cache-Control"] == "no-cache"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_files_named_by_their_content_are_kept_forever(visitor: httpx.Client) -> None:
    answer = visitor.get("/assets/app-1a2b.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in answer.headers["Cache-Control"]
    assert visitor.get("/icon.svg").headers["Cache-Control"] == "no-cache"


def test_the_frame_of_messages_may_load_images_and_nothing_else_and_only_within_the_web_app(
    visitor: httpx.Client,
) -> None:
    policy = visitor.get("/frame.html").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "img-src data: https: http:" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script" not in policy


def test_a_file_of_an_older_build_is_gone_and_not_a_page(visitor: httpx.Client) -> None:
    answer = visitor.get("/assets/app-0000.js")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")


@pytest.mark.parametrize("path", ["/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/%2e%2e/secret.txt", "/a%00b"])
def test_no_address_leads_out_of_the_folder(visitor: httpx.Client, path: str) -> None:
    answer = visitor.get(path)
    assert "segredo" not in answer.text
    assert answer.status_code in (200, 404)


@pytest.mark.parametrize("path", ["/" + "a" * 300, "/" + "a/" * 3_000])
def test_an_address_longer_than_a_file_can_have_is_the_first_page_too(visitor: httpx.Client, path: str) -> None:
    assert "Guichê" in visitor.get(path).text
    assert visitor.get("/assets" + path).status_code == 404


def test_what_breaks_while_a_page_is_looked_for_is_an_internal_error_and_says_no_more(
    visitor: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Response:
        raise RuntimeError("secret text")

    monkeypatch.setattr(pages, "web_app", broken)
    answer = visitor.get("/tickets")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text


def test_an_unknown_api_address_is_no_page(visitor: httpx.Client) -> None:
    assert visitor.get("/api/v1/x").json()["code"] == "NOT_FOUND"
    assert visitor.post("/x").json()["code"] == "NOT_FOUND"


def test_further_pages_can_be_mounted(visitor: httpx.Client) -> None:
    assert visitor.get("/outbox").text == "Nada saiu ainda."


def test_a_missing_web_app_is_explained(client: httpx.Client, world: World) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "GUICHE_WEB_DIST" in answer.text


def test_the_reference_loads_nothing_from_elsewhere(client: httpx.Client, world: World) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    for path in ("/docs", "/docs/docs.css", "/docs/docs.js"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "http://" not in answer.text.replace("http://www.w3.org", "")
        assert "https://" not in answer.text


def test_the_document_is_the_committed_one(client: httpx.Client, world: World) -> None:
    committed = Path(__file__).parents[1] / "openapi.json"
    assert client.get("/openapi.json").json() == json.loads(committed.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_need_nobody(client: httpx.Client, world: World, path: str) -> None:
    assert client.get(path).status_code == 200
