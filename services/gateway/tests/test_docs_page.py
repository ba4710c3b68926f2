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
    assert [one.inner_text().lower() for one in page.locator("#contents h2:visible").all()] == ["verb"]
    page.fill("#find", "STALE")
    assert "Problem codes" in headings(page)
    expect(page.locator("main tr#STALE")).to_be_visible()
    expect(page.locator("main tr#NOT_FOUND")).to_be_hidden()
    page.fill("#find", "")
    assert headings(page) == everything


def test_a_search_that_finds_nothing_says_so(page: Page) -> None:
    page.fill("#find", "girafa")
    assert headings(page) == []
    expect(page.get_by_role("status")).to_have_text("Nothing here speaks of “girafa”.")
    page.fill("#find", "")
    expect(page.get_by_role("status")).to_be_hidden()
