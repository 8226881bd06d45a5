"""Fixtures for the widget: the stand-in for KalTalk, and a shop page that loads the widget from it."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Complaints
from tests.widget.stand_in import ORGANIZATION, StandIn, running_stand_in, snippet

NewContext = Callable[..., Any]

STORED = "() => JSON.stringify(Object.entries(sessionStorage))"


class Shop:
    """A host's page with the widget on it, as a visitor sees and uses it."""

    def __init__(self, page: Page, kaltalk: StandIn, address: str) -> None:
        self.page = page
        self.kaltalk = kaltalk
        self.address = address
        self.warnings: list[str] = []
        self._in_flight = 0
        page.on("request", lambda _: self._count(1))
        page.on("requestfinished", lambda _: self._count(-1))
        page.on("requestfailed", lambda _: self._count(-1))
        page.on("console", lambda message: self.warnings.append(message.text) if message.type == "warning" else None)

    def _count(self, change: int) -> None:
        self._in_flight += change

    def settle(self) -> None:
        """Wait until the page has asked for nothing for 0.7 seconds: longer than a new tab waits for the others.

        After a failure without Retry-After the page may try again sooner or later than that.
        """
        still = 0
        while still < 14:
            self.page.wait_for_timeout(50)
            self.page.evaluate("0")
            still = still + 1 if self._in_flight == 0 else 0

    def rest(self) -> None:
        """Wait until what is under way has come back."""
        self.page.evaluate("0")
        while self._in_flight:
            self.page.wait_for_timeout(5)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so on the server's side; five seconds at most."""
        for _ in range(50):
            if condition():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("it did not come so within five seconds")

    def let_pass(self, seconds: int) -> None:
        """Let so many seconds pass on the page's clock, one by one, with the requests that fall due in them."""
        for _ in range(seconds):
            self.page.clock.fast_forward(1_000)
            self.page.wait_for_timeout(20)

    def visit(self, *calls: str, **options: Any) -> "Shop":
        """Open the page; `calls` are its script, or KalTalk.init with `options`."""
        wanted = calls or (f"KalTalk.init({json.dumps({'organizationId': ORGANIZATION} | options)});",)
        self.kaltalk.snippet = snippet(*wanted)
        self.page.goto(self.address)
        return self

    def part(self, name: str) -> Locator:
        """Return the widget's part with this `data-kaltalk`."""
        return self.page.locator(f'[data-kaltalk="{name}"]')

    @property
    def messages(self) -> Locator:
        """The lines of the thread."""
        return self.page.locator("#kaltalk-widget [data-author]")

    @property
    def texts(self) -> list[str]:
        """What the lines say."""
        return self.page.locator('#kaltalk-widget [data-kaltalk="text"]').all_inner_texts()

    def open(self) -> "Shop":
        """Click the launcher and see the panel."""
        self.part("launcher").click()
        expect(self.part("panel")).to_be_visible()
        return self

    def say(self, text: str) -> None:
        """Type a message and press Enter."""
        self.part("input").fill(text)
        self.part("input").press("Enter")

    def expect_statuses(self, *statuses: str) -> None:
        """See the thread's lines with these statuses."""
        expect(self.messages).to_have_count(len(statuses))
        for index, status in enumerate(statuses):
            expect(self.messages.nth(index)).to_have_attribute("data-status", status)


@pytest.fixture
def shop_address(kaltalk_and_host: tuple[StandIn, str]) -> str:
    """The address of the shop's page."""
    return kaltalk_and_host[1]


@pytest.fixture
def kaltalk(kaltalk_and_host: tuple[StandIn, str]) -> StandIn:
    """The stand-in for KalTalk."""
    return kaltalk_and_host[0]


@pytest.fixture
def kaltalk_and_host() -> Iterator[tuple[StandIn, str]]:
    """The stand-in, and the address of the shop's page."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with running_stand_in() as running:
        yield running


@pytest.fixture
def shop(kaltalk: StandIn, shop_address: str, page_complaints: Complaints, page: Page) -> Shop:
    """A shop page in a fresh browser profile, with the clock in the test's hand."""
    # The browser's own line for any answer that is an error; no script can prevent it.
    page_complaints.expect("^console error: Failed to load resource: the server responded with a status of")
    page.clock.install()
    return Shop(page, kaltalk, shop_address)


@pytest.fixture
def another_tab(shop: Shop) -> Callable[[], Shop]:
    """Return a function that opens one more tab in the same browser profile."""
    return lambda: Shop(shop.page.context.new_page(), shop.kaltalk, shop.address)
