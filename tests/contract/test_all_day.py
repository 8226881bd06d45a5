"""A page that stays open all day, with both real parties behind it: nothing typed is lost, nothing arrives twice."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.contract.all_day import HOUR, Day, Tab
from tests.contract.people import Agent
from tests.support.browser import Complaints

pytestmark = pytest.mark.browser

INPUT = "[data-kaltalk=input]"


@pytest.fixture(scope="module")
def long_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Both parties; time goes on from one test to the next."""
    day = Day(tmp_path_factory.mktemp("all-day"))
    day.start()
    yield day
    day.stop()


@pytest.fixture
def day(long_day: Day) -> Day:
    """Give both parties, open, though an earlier test left them closed."""
    if not long_day.is_open:
        long_day.start()
    return long_day


@pytest.fixture
def browser_of_ada(new_context: Callable[..., Any], page_complaints: Complaints) -> BrowserContext:
    """A browser profile; what a dead network writes into its console is no complaint."""
    page_complaints.expect(
        "ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|ERR_FAILED|ERR_EMPTY_RESPONSE|ERR_NETWORK_CHANGED"
    )
    page_complaints.expect("kaltalk-token|status of 401")  # the browser's own line for an answer that is a 401
    context: BrowserContext = new_context()
    return context


@pytest.fixture
def ada(browser_of_ada: BrowserContext, day: Day) -> Tab:
    """Ada, logged in, on a page whose clock the test moves."""
    tab = Tab(browser_of_ada.new_page(), day)
    tab.page.clock.install(time=datetime.fromtimestamp(day.now(), UTC))
    tab.log_in("ada")
    return tab


@pytest.fixture
def look(new_context: Callable[..., Any], day: Day) -> Callable[[str], Agent]:
    """Return a function that shows the agent the conversation with this last line."""

    def look(text: str) -> Agent:
        grace = Agent(new_context().new_page(), day.kaltalk)
        grace.log_in()
        grace.open_conversation(text)
        return grace

    return look


def lines_in(agent: Agent, text: str) -> int:
    """How often the open conversation holds these words as a line of its own."""
    return agent.page.get_by_role("log").get_by_text(text, exact=True).count()


def test_after_hours_the_conversation_is_still_green_and_the_shop_was_asked_once_an_hour(
    ada: Tab, look: Callable[[str], Agent]
) -> None:
    ada.write("Good morning")
    ada.wait(hours=5)
    ada.write("Good afternoon")
    agent = look("Good afternoon")
    agent.sees_green()
    expect(agent.page.get_by_role("log")).not_to_contain_text("Identity lost here")
    assert 4 <= ada.renewals <= 6
    assert ada.warnings == []


def test_without_a_way_to_renew_the_chat_goes_on_and_the_agent_sees_when_and_why_identity_was_lost(
    ada: Tab, look: Callable[[str], Agent]
) -> None:
    ada.page.evaluate("KalTalk.init(JSON.parse(document.getElementById('kaltalk-settings').textContent))")
    ada.write("Before the end")
    ada.wait(hours=1.5)
    ada.write("After the end")
    look("After the end").sees_amber("expired")
    ada.page.reload()
    ada.write("On a fresh page")
    agent = look("On a fresh page")
    agent.sees_green()
    expect(agent.page.get_by_role("log")).to_contain_text("Identity lost here")
    assert ada.renewals == 0


def test_a_shop_that_cannot_sign_for_a_while_is_asked_again_until_it_can(
    ada: Tab, look: Callable[[str], Agent]
) -> None:
    failures: list[str] = []

    def fail(route: Route) -> None:
        failures.append(route.request.url)
        route.fulfill(status=503, body="<h1>We are taking a break</h1>")

    ada.page.route("**/kaltalk-token", fail, times=2)
    ada.write("Before the break")
    ada.wait(hours=2)
    ada.write("After the break")
    look("After the break").sees_green()
    assert len(failures) == 2
    assert len(ada.warnings) <= 1


def test_words_typed_while_the_server_is_away_arrive_once_when_it_is_back(
    ada: Tab, day: Day, look: Callable[[str], Agent]
) -> None:
    ada.write("Are you there?")
    ada.rest()  # the browser complains of a poll that is cut off
    day.stop()
    ada.page.locator(INPUT).fill("Hello?")
    ada.page.locator(INPUT).press("Enter")
    ada.page.locator(INPUT).fill("half a sen")
    expect(ada.lines.filter(has_text="Hello?")).to_have_attribute("data-status", "sending")
    day.start()
    ada.wait(hours=0.5)
    expect(ada.lines.filter(has_text="Hello?")).to_have_attribute("data-status", "sent")
    ada.page.reload()
    ada.open_chat()
    expect(ada.page.locator(INPUT)).to_have_value("half a sen")
    assert lines_in(look("Hello?"), "Hello?") == 1


def test_offline_and_back(ada: Tab, browser_of_ada: BrowserContext, look: Callable[[str], Agent]) -> None:
    ada.write("On the platform")
    browser_of_ada.set_offline(True)
    ada.page.locator(INPUT).fill("In the tunnel")
    ada.page.locator(INPUT).press("Enter")
    expect(ada.page.locator("[data-kaltalk=status]")).to_contain_text("You are offline")
    ada.wait(hours=1.5)
    browser_of_ada.set_offline(False)
    expect(ada.lines.filter(has_text="In the tunnel")).to_have_attribute("data-status", "sent")
    agent = look("In the tunnel")
    agent.sees_green()
    assert lines_in(agent, "In the tunnel") == 1


def test_a_message_whose_answer_was_lost_before_a_night_and_a_restart_is_stored_once(
    ada: Tab, day: Day, look: Callable[[str], Agent]
) -> None:
    ada.write("Good evening")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    ada.page.route("**/v1/messages", lose_the_answer, times=1)
    ada.page.locator(INPUT).fill("Only once")
    with ada.page.expect_event("requestfailed"):  # by then the message has arrived, and its answer is lost
        ada.page.locator(INPUT).press("Enter")
    expect(ada.lines.filter(has_text="Only once")).to_have_attribute("data-status", "sending")
    day.stop()
    day.sleep(13 * HOUR)  # longer than a session lives, and a login at the shop
    day.start()
    ada.page.clock.fast_forward(13 * HOUR * 1000)
    expect(ada.lines.filter(has_text="Only once")).to_have_attribute("data-status", "sent", timeout=15_000)
    assert lines_in(look("Only once"), "Only once") == 1


def test_two_tabs_are_one_conversation_and_a_logout_in_one_shuts_both(
    ada: Tab, browser_of_ada: BrowserContext, day: Day
) -> None:
    ada.write("From the first tab")
    second = Tab(browser_of_ada.new_page(), day)
    second.visit("/orders")
    second.write("From the second")
    expect(ada.lines.filter(has_text="From the second")).to_have_attribute("data-status", "sent")
    expect(second.lines.filter(has_text="From the first tab")).to_have_count(1)
    second.log_out()
    expect(ada.page.locator("#kaltalk-widget")).to_have_count(0)
    second.log_in("bob")
    second.open_chat()
    expect(second.lines).to_have_count(0)
    assert "From the" not in second.page.evaluate("JSON.stringify(sessionStorage)")


def test_another_user_who_logs_in_elsewhere_ends_the_open_chat_of_the_last_one(
    ada: Tab, browser_of_ada: BrowserContext, day: Day
) -> None:
    ada.write("Ada's words")
    browser_of_ada.clear_cookies()  # the shop ended her login, and no page said so
    bob = Tab(browser_of_ada.new_page(), day)
    bob.log_in("bob")
    expect(ada.page.locator("#kaltalk-widget")).to_have_count(0)
    bob.write("Bob's words")
    expect(bob.lines).to_have_count(1)
