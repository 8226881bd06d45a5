"""The settings in a real browser: from nothing to Required, a secret that hides itself, a countdown, no script."""

import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import jwt
import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.contract.people import PASSWORD, Agent
from tests.support.browser import Complaints
from tests.support.servers import Server

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SETTINGS = "/kaltalk/settings/security/identity-verification"

NewContext = Callable[..., BrowserContext]


@pytest.fixture
def demo(start_server: Callable[..., Server], tmp_path: Path) -> str:
    """Start the demo with an organization that nobody has identified at, and return where it answers."""
    environment = {"KALTALK_DEMO_DIR": str(tmp_path / "demo"), "KALTALK_DEMO_PASSWORD": PASSWORD}
    return start_server([sys.executable, str(ROOT / "app.py")], env=environment).origin


@pytest.fixture
def log_in(demo: str, new_context: NewContext) -> Callable[..., Page]:
    """Return a function that logs somebody in, in a browser of their own, and opens the settings."""

    def enter(login: str = "grace", **options: object) -> Page:
        page = new_context(**options).new_page()
        Agent(page, f"{demo}/kaltalk").log_in(login)
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Settings").click()
        return page

    return enter


LogIn = Callable[..., Page]


def reveal(page: Page) -> str:
    """Reveal the secret on the page and return it."""
    page.locator("#secrets").get_by_role("link", name="Reveal").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Reveal").click()
    return page.locator("#secret").inner_text()


def sign(secret: str, lifetime: float = 3600) -> str:
    """Return a token of Ada's as a host signs it."""
    claims = {"sub": "u_ada", "email": "ada@example.com", "name": "Ada", "exp": int(time.time() + lifetime)}
    return jwt.encode(claims, secret, algorithm="HS256")


def identify(page: Page, demo: str, **body: str) -> int:
    """Identify at the demo's organization and return the status."""
    return page.request.post(f"{demo}/kaltalk/v1/organizations/org_demo/identify", data=body).status


def test_an_admin_goes_from_a_secret_to_required_on_the_page_alone(log_in: LogIn, demo: str) -> None:
    page = log_in()
    expect(page.get_by_label("Required")).to_be_disabled()

    token = sign(reveal(page))
    page.get_by_role("link", name="Done").click()
    page.get_by_label("User token").fill(token)
    page.get_by_role("button", name="Test the token").click()
    expect(page.get_by_role("status")).to_contain_text("This token verifies.")
    expect(page.get_by_label("User token")).to_have_value("")
    expect(page.get_by_label("Required")).to_be_disabled()  # a test is no proof that the website signs

    assert identify(page, demo, userJwt=token) == 200
    assert identify(page, demo, email="ada@example.com") == 200
    page.goto(demo + SETTINGS)
    page.get_by_label("Required").check()
    page.get_by_role("button", name="Save the mode").click()
    expect(page.locator("[data-would-be-refused]")).to_have_text("1")
    page.get_by_role("button", name="Choose Required").click()
    expect(page.get_by_label("Required")).to_be_checked()
    assert identify(page, demo, email="ada@example.com") == 401
    assert identify(page, demo, userJwt=token) == 200


def test_a_revealed_secret_is_gone_after_a_minute_and_after_going_back(log_in: LogIn) -> None:
    page = log_in()
    page.clock.install()
    assert reveal(page).startswith("ktiv_")
    expect(page.get_by_text("It is hidden when you leave this page")).to_be_visible()  # the minute has begun
    page.clock.fast_forward(59_000)
    expect(page.locator("#secret")).to_be_visible()
    page.clock.fast_forward(2_000)
    expect(page.locator("#secret")).to_have_count(0)
    expect(page.get_by_text("The secret is hidden again.")).to_be_visible()
    assert "ktiv_" not in page.content()

    page.get_by_role("link", name="Reveal it once more").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("#secret")).to_be_visible()
    page.get_by_role("link", name="Done").click()
    with suppress(Error):  # Chromium asks whether to send the password again, which is as good as hidden
        page.go_back()
    expect(page.get_by_role("heading", name="Identity verification", exact=True)).to_have_count(0)
    expect(page.get_by_text("ktiv_")).to_have_count(0)


def test_the_grace_window_counts_down_in_the_readers_time_zone(log_in: LogIn) -> None:
    page = log_in(timezone_id="Asia/Kolkata", locale="en-GB")
    page.get_by_role("button", name="Rotate").click()

    countdown = page.locator("[data-countdown]")
    expect(countdown).to_have_text(re.compile(r"23 h 59 min \d+ s"))
    first = countdown.inner_text()
    expect(countdown).not_to_have_text(first)
    end = page.locator("[data-window] time").first
    shown = page.evaluate(
        "moment => new Date(moment).toLocaleString("
        "'en-GB', {dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Kolkata'})",
        end.get_attribute("datetime"),
    )
    expect(end).to_have_text(shown)

    page.get_by_role("link", name="End the window early…").click()
    page.get_by_role("button", name="End the window now").click()
    expect(page.get_by_role("status")).to_contain_text("The window is closed")
    expect(countdown).to_have_count(0)


def test_a_double_click_on_rotate_makes_one_new_secret(log_in: LogIn, page_complaints: Complaints) -> None:
    page_complaints.expect("409")
    page = log_in()

    settings = page.url
    page.get_by_role("button", name="Rotate").dblclick()
    # The second click's answer, whichever it is. Asked again and again: it breaks the first click's navigation off.
    expect(page).to_have_url(re.compile(r"done=rotated|/rotate$"))

    other_tab = page.context.new_page()  # the first one may still be on its way
    other_tab.goto(settings)
    expect(other_tab.locator("tr[data-secret]")).to_have_count(2)


def test_everything_works_without_javascript(log_in: LogIn) -> None:
    page = log_in(java_script_enabled=False)

    assert reveal(page).startswith("ktiv_")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Rotate").click()
    expect(page.locator("[data-countdown]")).to_have_text("23 h 59 min")
    page.get_by_role("textbox", name="Origins").fill("https://shop.example.com")
    page.get_by_role("button", name="Save the list").click()
    expect(page.get_by_role("textbox", name="Origins")).to_have_value("https://shop.example.com")
    page.get_by_label("User token").fill("not a token")
    page.get_by_role("button", name="Test the token").click()
    expect(page.locator(".report")).to_have_attribute("data-reason", "malformed")
    page.get_by_role("link", name="Replace every secret…").click()
    page.get_by_label("Type org_demo to confirm").fill("org_demo")
    page.get_by_role("button", name="Replace every secret").click()
    expect(page.get_by_role("status")).to_contain_text("every other one is revoked")


def test_an_agent_reads_who_can(log_in: LogIn, page_complaints: Complaints) -> None:
    page_complaints.expect("403")

    expect(log_in("alan").get_by_text("Ask an admin of your organization")).to_be_visible()
