"""A page that complains fails its test, and Playwright leaves the other tests alone."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import NewContext
from tests.support.browser import Complaints, no_running_event_loop
from tests.support.redact import redact

pytestmark = pytest.mark.browser

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1XzEifQ.c2lnbmF0dXJl"


def complain(new_context: NewContext, script: str) -> None:
    """Run a script in a page of its own and wait until all that it says has arrived."""
    page = new_context().new_page()
    page.set_content(f"<script>{script}</script><p>done</p>")
    page.evaluate("() => new Promise(requestAnimationFrame)")


def test_a_page_has_the_size_language_and_time_zone_that_all_tests_share(new_context: NewContext) -> None:
    page = new_context().new_page()
    assert page.evaluate("[innerWidth, innerHeight, navigator.language]") == [1280, 800, "en-GB"]
    assert page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone") == "Europe/Berlin"


def test_a_test_can_ask_for_another_size(new_context: NewContext) -> None:
    page = new_context(viewport={"width": 390, "height": 844}).new_page()
    assert page.evaluate("innerWidth") == 390


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("throw new Error('broken page')", "uncaught in the page: broken page"),
        ("Promise.reject(new Error('broken promise'))", "uncaught in the page: broken promise"),
        ("console.error('it went wrong')", "console error: it went wrong"),
    ],
)
def test_errors_of_a_page_are_seen(
    new_context: NewContext, page_complaints: Complaints, script: str, said: str
) -> None:
    complain(new_context, script)
    [complaint] = page_complaints.unexpected
    assert said in complaint
    page_complaints.expect("broken|went wrong")
    assert page_complaints.unexpected == []


def test_warnings_and_notes_of_a_page_are_not_complaints(new_context: NewContext, page_complaints: Complaints) -> None:
    complain(new_context, "console.warn('careful'); console.log('hello')")
    assert page_complaints.unexpected == []


def test_a_complaint_shows_no_token(new_context: NewContext, page_complaints: Complaints) -> None:
    complain(new_context, f"console.error('refused {TOKEN}')")
    [complaint] = page_complaints.unexpected
    assert "refused [redacted]" in complaint
    page_complaints.expect("refused")


def test_a_signing_secret_is_blotted_out() -> None:
    assert redact("key=ktiv_" + "A" * 43) == "key=[redacted]"


def test_an_unexpected_complaint_fails_the_test(browser: Browser, tmp_path: Path) -> None:
    inner = tmp_path / "test_inner.py"
    inner.write_text(
        "def test_the_page(page):\n"
        "    page.set_content('<script>console.error(\"it went wrong\")</script>')\n"
        "    page.evaluate('() => new Promise(requestAnimationFrame)')\n",
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-c",
        os.devnull,
        f"--rootdir={tmp_path}",
        str(inner),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "the pages complained:\nconsole error: it went wrong" in done.stdout


async def answer() -> int:
    """Return a number, the asynchronous way."""
    await asyncio.sleep(0)
    return 42


def test_an_event_loop_can_run_while_the_browser_is_up(browser: Browser) -> None:
    assert asyncio._get_running_loop() is not None, "Playwright left no loop behind: the guard can go"
    with no_running_event_loop():
        assert asyncio.run(answer()) == 42
    assert browser.is_connected()


def test_a_test_without_a_browser_can_run_an_event_loop_after_one_with_a_browser() -> None:
    assert asyncio.run(answer()) == 42


def test_the_browser_still_works_after_that(page: Page) -> None:
    assert page.evaluate("6 * 7") == 42
