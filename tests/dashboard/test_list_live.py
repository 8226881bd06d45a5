"""The list in a real browser: it refreshes in place, is used by keyboard and on a phone, and axe finds nothing."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from kaltalk_iv.service import inbox
from tests.conftest import NewContext
from tests.dashboard.desk import Desk
from tests.support.axe import violations
from tests.support.browser import Complaints

pytestmark = pytest.mark.browser
SOON = 12_000  # ms; the page asks every three seconds


def crowd(desk: Desk, count: int) -> list[str]:
    """Let ``count`` visitors write, a minute apart, and return their conversations, newest first."""
    made: list[str] = []
    for number in range(count):
        desk.clock.now += 60
        made.insert(0, desk.visitor().identify(email=f"p{number}@example.com", name=f"Visitor {number}").write())
    return made


def test_the_list_refreshes_under_its_filter_and_keeps_focus_and_place(desk: Desk, origin: str, page: Page) -> None:
    made = crowd(desk, 20)
    page.goto(f"{origin}/inbox?identity=unverified")
    expect(page).to_have_title("(20) Inbox: unverified – KalTalk")
    row = page.locator(f"[data-conversation={made[12]}] a")
    row.focus()
    expect(row).to_be_in_viewport()
    before = row.bounding_box()

    desk.visitor().verify(name="Ada").write("Not listed here")
    newest = desk.visitor().identify(email="new@example.com").write("Listed")

    expect(page.locator(f"[data-conversation={newest}]")).to_have_count(1, timeout=SOON)
    expect(page.locator("main [data-shield=verified]")).to_have_count(0)
    expect(row).to_be_focused()
    after = row.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["y"] - before["y"]) < 2
    expect(page).to_have_title("(22) Inbox: unverified – KalTalk")
    expect(page.locator("[data-announce]")).to_have_text("Unread conversations: 22.")


def test_an_unchanged_list_is_answered_without_being_drawn(desk: Desk, origin: str, page: Page) -> None:
    crowd(desk, 1)
    page.goto(f"{origin}/inbox")
    with page.expect_response(lambda answer: answer.status == 304, timeout=SOON):
        expect(page.locator("[data-conversation]")).to_have_count(1)
    with page.expect_response(lambda answer: answer.status == 200, timeout=SOON):
        desk.visitor().verify().write()
    expect(page.locator("[data-conversation]")).to_have_count(2)


def test_the_result_of_a_search_is_read_out(desk: Desk, origin: str, page: Page) -> None:
    crowd(desk, 3)
    page.goto(f"{origin}/inbox")
    page.get_by_role("searchbox").fill("visitor 1")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("[data-announce]")).to_have_text("1 conversation")
    expect(page.get_by_role("searchbox")).to_have_value("visitor 1")
    page.get_by_role("searchbox").fill("nobody")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("[data-announce]")).to_have_text("No open conversations found.")
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("[data-conversation]")).to_have_count(3)


def test_a_conversation_is_closed_and_reopened_by_keyboard(desk: Desk, origin: str, page: Page) -> None:
    (conversation_id,) = crowd(desk, 1)
    page.goto(f"{origin}/inbox/{conversation_id}")
    page.get_by_label("Reply", exact=True).fill("half a sen")
    page.get_by_role("button", name="Close").press("Enter")
    expect(page.get_by_role("button", name="Reopen")).to_be_focused()
    expect(page.locator("li.event").last).to_contain_text("Closed by Alan Turing")
    expect(page.get_by_label("Reply", exact=True)).to_have_value("half a sen")
    page.get_by_role("button", name="Reopen").press("Enter")
    expect(page.locator("li.event").last).to_contain_text("Reopened by Alan Turing")


def test_what_the_visitor_wrote_meanwhile_keeps_it_open_and_says_so(
    desk: Desk, origin: str, page: Page, page_complaints: Complaints
) -> None:
    page_complaints.expect("409")
    visit = desk.visitor().verify()
    page.goto(f"{origin}/inbox/{visit.write()}")
    visit.write("One more thing")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("alert").filter(has_text="Nothing was closed")).to_be_visible()
    expect(page.locator("li.message.visitor .text").last).to_have_text("One more thing")


def test_the_visitors_words_reopen_the_page_that_is_open(desk: Desk, origin: str, page: Page) -> None:
    visit = desk.visitor().verify()
    page.goto(f"{origin}/inbox/{visit.write()}")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    page.get_by_label("Reply", exact=True).fill("half a sen")
    visit.write("Still there?")
    expect(page.get_by_role("button", name="Close")).to_be_visible(timeout=SOON)
    expect(page.get_by_label("Reply", exact=True)).to_have_value("half a sen")


@pytest.mark.parametrize("options", [{}, {"viewport": {"width": 390, "height": 844}}], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_state_of_the_list_has_a_barrier_or_is_too_wide(
    desk: Desk,
    origin: str,
    new_context: NewContext,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    scheme: str,
) -> None:
    monkeypatch.setattr(inbox, "LIST_LENGTH", 4)
    crowd(desk, 5)
    desk.visitor().verify(name="\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd").write("\u05e9\u05dc\u05d5\u05dd")
    desk.visitor().verify("u_long", name="N" * 200).write("w" * 3000)
    desk.visitor().identify().write("Who am I?")
    shown = new_context(color_scheme=scheme, bypass_csp=True, **options).new_page()
    for query in ("", "?identity=anonymous", "?status=closed", f"?q={'x' * 255}", "?identity=verified&status=all"):
        shown.goto(f"{origin}/inbox{query}")
        assert violations(shown) == [], query
        width = shown.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], query
