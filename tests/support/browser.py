"""Debian's Chromium, driven by Playwright, with nothing that a page complains about left unseen."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, WebError, sync_playwright

from tests.support.needs import require
from tests.support.redact import redact

DEFAULTS: dict[str, Any] = {
    "locale": "en-GB",
    "timezone_id": "Europe/Berlin",
    "viewport": {"width": 1280, "height": 800},
    "reduced_motion": "reduce",  # nothing moves under the pointer
}

_ARGUMENTS = [
    "--no-sandbox",  # CI runs as root, where Chromium's sandbox does not start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Yield a headless Chromium for the whole test run. Skips where none is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = require(
        "Chromium", next(filter(None, map(shutil.which, names)), None), "install it (Debian: apt install chromium)"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def no_running_event_loop() -> Iterator[None]:
    """Hide Playwright's event loop from a test that does not use the browser.

    Playwright's sync API leaves its loop marked as running in this thread from the first browser test to the last,
    and `asyncio.run` would refuse to work in every test in between.
    """
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)


class Complaints:
    """What pages complained about: uncaught errors and console errors, in any page of the contexts it watches."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._expected: list[str] = []

    def expect(self, pattern: str) -> None:
        """Let complaints pass in which this regular expression is found."""
        self._expected.append(pattern)

    def watch(self, context: BrowserContext) -> None:
        """Listen to every page that the context has and will have."""
        context.on("weberror", self._on_error)
        context.on("console", self._on_console)

    @property
    def unexpected(self) -> list[str]:
        """The complaints that nobody expected, without tokens and secrets."""
        return [redact(c) for c in self._seen if not any(re.search(e, c) for e in self._expected)]

    def _on_error(self, error: WebError) -> None:
        self._seen.append(f"uncaught in the page: {error.error}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._seen.append(f"console error: {message.text} ({message.location['url']})")
