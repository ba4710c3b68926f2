"""The outbox as somebody with a phone, or with long subjects, sees it."""

from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from all_in_one.outbox.views import pages
from gateway.testing import serving, settings_for
from localservers.browser import chromium
from servicekit.tokens import make_keys

SUBJECT = "Re: RES: ENC: Assunto muito comprido que um cliente escreve [20261122072420692]"


@pytest.fixture(scope="module")
def outbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder, keys = tmp_path_factory.mktemp("outbox"), tmp_path_factory.mktemp("keys")
    make_keys(keys)
    made = EmailMessage(policy=SMTP)
    made["From"] = "Demo – Atendimento <atendimento+agraftdx6jufc3tplafoxxlqvixu7yrq4zcsmnwb@demo.guiche>"
    made["To"] = "uma-pessoa-com-um-nome-bem-comprido@um-dominio-tambem-comprido.exemplo.com.br"
    made["Subject"] = SUBJECT
    made.set_content("Olá!")
    (folder / f"{uuid4()}.eml").write_bytes(made.as_bytes())
    with (
        serving(settings_for(keys, address_rate=0), extra=pages(folder)) as running,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=str(chromium()), args=["--no-sandbox", "--disable-gpu"]) as browser,
    ):
        page = browser.new_page()
        page.goto(f"{running.url}/outbox")
        yield page


@pytest.mark.parametrize("width", [390, 820, 1024, 1440])
def test_the_way_to_each_mail_is_on_the_screen(outbox: Page, width: int) -> None:
    outbox.set_viewport_size({"width": width, "height": 844})
    assert outbox.evaluate("document.documentElement.scrollWidth") <= width
    link = outbox.get_by_role("link", name=SUBJECT)
    expect(link).to_be_in_viewport(ratio=1)


def test_a_subject_has_the_room_that_it_needs(outbox: Page) -> None:
    outbox.set_viewport_size({"width": 1440, "height": 900})
    lines = outbox.get_by_role("link", name=SUBJECT).evaluate("link => link.getClientRects().length")
    assert lines <= 2


def test_on_a_phone_the_subject_comes_first_and_the_rest_is_named(outbox: Page) -> None:
    outbox.set_viewport_size({"width": 390, "height": 844})
    tops = outbox.evaluate(
        "['.subject', '.sender', '.to', 'td.time'].map(name => document.querySelector(name).getBoundingClientRect().top)"
    )
    assert tops == sorted(tops)
