"""The page of the API's document, in a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from gateway.testing import Running
from localservers.browser import chromium

# The page asks for no sign-in; so the gateway needs no neighbours.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--proxy-server=direct://"]


@pytest.fixture(scope="module")
def page(shared_gateway: Running) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium()), args=ARGUMENTS)
        opened = browser.new_page()
        opened.goto(f"{shared_gateway.url}/docs")
        opened.wait_for_selector("#startTicket")
        yield opened
        browser.close()


def headings(page: Page) -> list[str]:
    return [one.inner_text() for one in page.locator("main h2:visible").all()]


def test_a_search_leaves_no_heading_without_anything_below_it(page: Page) -> None:
    everything = headings(page)
    page.fill("#find", "startTicket")
    assert headings(page) == ["Verb", "Schemas"]
    links = page.locator("#contents section:visible")
    assert [one.inner_text().lower().split() for one in links.all()] == [
        ["verb", "post", "startticket"],
        ["more", "schemas"],
    ]
    page.fill("#find", "stale")
    expect(page.locator("#contents").get_by_role("link", name="replyToTicket")).to_be_visible()
    assert "Problem codes" in headings(page)
    expect(page.locator("main tr#STALE")).to_be_visible()
    expect(page.locator("main tr#NOT_FOUND")).to_be_hidden()
    page.fill("#find", "")
    assert headings(page) == everything


def test_nothing_is_cut_off_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    cut = page.evaluate(
        "[...document.querySelectorAll('.table')].filter(one => one.scrollWidth > one.clientWidth).length"
    )
    page.set_viewport_size({"width": 1280, "height": 720})
    assert cut == 0


def test_a_search_that_finds_nothing_says_so(page: Page) -> None:
    page.fill("#find", "girafa")
    assert headings(page) == []
    expect(page.get_by_role("status")).to_have_text("Nothing here speaks of “girafa”.")
    page.fill("#find", "")
    expect(page.get_by_role("status")).to_be_hidden()
