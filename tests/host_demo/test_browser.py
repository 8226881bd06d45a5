"""The pages in a real browser, with KalTalk away."""

import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import NewContext
from tests.host_demo.conftest import SETTINGS
from tests.host_demo.visitor import PASSWORD
from tests.support.browser import Complaints
from tests.support.databases import Prepare, SqliteDatabases
from tests.support.servers import Server, free_port

pytestmark = pytest.mark.browser

# Put in place before any script of the page: keeps what the stub was told where a new page can read it.
WATCH_SHUTDOWN = """
  addEventListener("submit", () => {
    sessionStorage.setItem("told", JSON.stringify(window.KalTalk.queue.map((call) => call[0])));
  });
"""


@pytest.fixture(scope="module")
def shop(
    sqlite_databases: SqliteDatabases, prepare_database: Prepare, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a shop as it would be deployed, whose KalTalk cannot be reached."""
    folder = tmp_path_factory.mktemp("shop")
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:{port}", "--threads", "8"]
    with sqlite_databases.fresh(prepare_database, folder) as url:
        env = {**SETTINGS, "HOST_DATABASE_URL": url, "KALTALK_ORIGIN": f"http://127.0.0.1:{free_port()}"}
        with Server([*command, "host_demo:create_app()"], env=env, log=folder / "log") as server:
            yield server.origin


@pytest.fixture(autouse=True)
def _kaltalk_is_away(page_complaints: Complaints) -> None:
    page_complaints.expect(r"ERR_CONNECTION_REFUSED.*kaltalk\.js")


def log_in(page: Page, shop: str) -> None:
    """Log in as Ada by hand."""
    page.goto(f"{shop}/orders")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/orders")


def test_a_visit_works_under_the_strict_policy_while_kaltalk_is_away(page: Page, shop: str) -> None:
    log_in(page, shop)
    queued = page.evaluate("KalTalk.queue.map(([name, options]) => [name, Object.keys(options)])")
    assert queued == [["init", ["organizationId", "userJwt", "getUserJwt"]]]
    page.get_by_role("link", name="Profile").click()
    page.get_by_label("Name", exact=True).fill("Ada King")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()


def test_logging_out_tells_kaltalk_first_and_back_shows_nothing(page: Page, shop: str) -> None:
    page.add_init_script(WATCH_SHUTDOWN)
    log_in(page, shop)
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("You are logged out.").wait_for()
    assert page.evaluate("JSON.parse(sessionStorage.told)") == ["init", "shutdown"]
    page.go_back()
    page.wait_for_url("**/login?next=/orders")


@pytest.mark.parametrize(
    "broken", ["undefined", "null", "7", "{}", "{shutdown() { throw new Error('no') }}", "{shutdown: 7}"]
)
def test_a_broken_kaltalk_never_keeps_anyone_from_logging_out(page: Page, shop: str, broken: str) -> None:
    log_in(page, shop)
    page.evaluate(f"window.KalTalk = {broken}")
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("You are logged out.").wait_for()


def test_everything_but_the_chat_works_without_javascript(new_context: NewContext, shop: str) -> None:
    page = new_context(java_script_enabled=False).new_page()
    log_in(page, shop)
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("You are logged out.").wait_for()


@pytest.mark.parametrize("path", ["/", "/orders", "/profile", "/login", "/register", "/no-such-page"])
def test_a_phone_shows_every_page_without_scrolling_sideways(
    new_context: NewContext, shop: str, page_complaints: Complaints, path: str
) -> None:
    page_complaints.expect("404")
    page = new_context(viewport={"width": 390, "height": 800}).new_page()
    if path in {"/orders", "/profile"}:
        log_in(page, shop)
    page.goto(shop + path)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_keyboard_reaches_the_page_past_the_navigation(page: Page, shop: str) -> None:
    page.goto(shop)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_refused_form_moves_the_reader_to_the_summary(page: Page, shop: str, page_complaints: Complaints) -> None:
    page_complaints.expect("422")
    page.goto(f"{shop}/register")
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("alert")).to_be_focused()
