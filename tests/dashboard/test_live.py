"""The open inbox in a real browser: it stays current by itself, keeps what is being typed, and needs no script."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from werkzeug.wrappers import Response

from tests.conftest import NewContext
from tests.dashboard.desk import Desk
from tests.support.browser import Complaints

pytestmark = pytest.mark.browser
SOON = 12_000  # ms; the page asks every three seconds


def test_a_new_message_appears_and_what_is_typed_stays(desk: Desk, origin: str, page: Page) -> None:
    ada = desk.visitor().verify(name="Ada")
    conversation_id = ada.write("First")
    page.goto(f"{origin}/inbox/{conversation_id}")
    page.get_by_label("Reply").type("half a sen")
    page.evaluate("document.body.dataset.kept = 'yes'")

    ada.write("Second <b>words</b>")
    desk.visitor().identify(email="bob@example.com").write("From somebody else")

    expect(page.locator("li.message.visitor .text")).to_have_text(["First", "Second <b>words</b>"], timeout=SOON)
    expect(page.locator("nav [data-conversation]")).to_have_count(2)
    expect(page.get_by_label("Reply")).to_have_value("half a sen")
    expect(page.get_by_label("Reply")).to_be_focused()
    assert page.evaluate("document.body.dataset.kept") == "yes"


def test_identity_lost_while_the_page_is_open_turns_the_shield_amber(desk: Desk, origin: str, page: Page) -> None:
    ada = desk.visitor().verify()
    conversation_id = ada.write("First")
    page.goto(f"{origin}/inbox/{conversation_id}")
    expect(page.locator("#customer-drawer [data-shield=verified]")).to_be_visible()

    desk.clock.now += 3601
    ada.write("Second")

    expect(page.locator("#customer-drawer [data-shield=unverified]")).to_be_visible(timeout=SOON)
    expect(page.locator("#customer-drawer")).to_have_attribute("data-identity-reason", "expired")
    expect(page.locator("li.event")).to_contain_text("Identity lost here: token expired")
    expect(page.locator("[data-announce]")).to_have_text("Identity changed: Unverified.")
    expect(page.locator("input[name=seen_state]")).to_have_value("unverified")


def test_a_reply_is_sent_without_leaving_the_page(desk: Desk, origin: str, page: Page) -> None:
    ada = desk.visitor().verify()
    page.goto(f"{origin}/inbox/{ada.write('Hello')}")
    page.evaluate("document.body.dataset.kept = 'yes'")

    for text in ("One", "Two"):
        page.get_by_label("Reply").fill(text)
        page.get_by_label("Reply").press("Control+Enter")
        expect(page.locator("li.message.agent .text").last).to_have_text(text)
        expect(page.get_by_label("Reply")).to_have_value("")

    assert ada.read() == ["Hello", "One", "Two"]
    assert page.evaluate("document.body.dataset.kept") == "yes"


def test_a_reply_that_meets_a_dead_network_is_kept_and_arrives_once(
    desk: Desk, origin: str, page: Page, page_complaints: Complaints
) -> None:
    page_complaints.expect("ERR_INTERNET_DISCONNECTED")
    ada = desk.visitor().verify()
    page.goto(f"{origin}/inbox/{ada.write('Hello')}")
    page.get_by_label("Reply").fill("Kept")

    page.context.set_offline(True)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-connection]")).to_contain_text("Not sent")
    expect(page.get_by_label("Reply")).to_have_value("Kept")
    expect(page.locator("[data-connection]")).to_contain_text("Connection lost, trying again", timeout=SOON)
    page.context.set_offline(False)
    page.get_by_role("button", name="Send").click()

    expect(page.locator("li.message.agent .text")).to_have_text(["Kept"])
    expect(page.locator("[data-connection]")).to_be_empty()
    assert ada.read() == ["Hello", "Kept"]


def test_a_reply_that_cannot_be_sent_says_why_and_stays(
    desk: Desk, origin: str, page: Page, page_complaints: Complaints
) -> None:
    page_complaints.expect("409")
    ada = desk.visitor().verify()
    page.goto(f"{origin}/inbox/{ada.write('Hello')}")
    desk.clock.now += 3601
    ada.write("Which address do you have?")
    page.get_by_label("Reply").fill("1 Main Street")
    page.evaluate("document.querySelector('[name=seen_state]').value = 'verified'")  # as if no poll came between

    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("alert")).to_contain_text("identity was lost while you wrote")
    expect(page.get_by_label("Reply")).to_have_value("1 Main Street")
    expect(page.locator("#customer-drawer [data-shield=unverified]")).to_be_visible()


def test_logged_out_meanwhile_the_page_says_so_and_keeps_the_text(desk: Desk, origin: str, page: Page) -> None:
    page.goto(f"{origin}/inbox/{desk.visitor().verify().write()}")
    page.get_by_label("Reply").fill("Kept")

    desk.answer = Response(status=302, headers={"Location": "/shop/login"})

    expect(page.get_by_role("link", name="Log in again in a new tab")).to_be_visible(timeout=SOON)
    expect(page.get_by_label("Reply")).to_have_value("Kept")


def test_the_inbox_shows_a_new_conversation_by_itself(desk: Desk, origin: str, page: Page) -> None:
    page.goto(f"{origin}/inbox")
    expect(page.get_by_text("No conversations yet.")).to_be_visible()

    conversation_id = desk.visitor().verify(name="Ada").write()

    row = page.locator(f"[data-conversation={conversation_id}]")
    expect(row).to_contain_text("Ada", timeout=SOON)
    expect(row.locator("[data-shield=verified]")).to_be_visible()


def test_times_are_in_the_readers_zone(desk: Desk, origin: str, new_context: NewContext) -> None:
    desk.clock.now = datetime.now(UTC).replace(hour=12, minute=0, second=0).timestamp()
    page = new_context(timezone_id="Asia/Tokyo").new_page()
    page.goto(f"{origin}/inbox/{desk.visitor().verify().write()}")

    shown = page.locator("li.message time")
    assert re.search(r"\b21:00$", shown.inner_text())
    assert (shown.get_attribute("datetime") or "").endswith("T12:00:00Z")


@pytest.mark.parametrize(
    "options",
    [{"java_script_enabled": False}, {"viewport": {"width": 390, "height": 844}}],
    ids=["without script", "on a phone"],
)
def test_an_agent_can_read_and_reply(desk: Desk, origin: str, new_context: NewContext, options: dict[str, Any]) -> None:
    ada = desk.visitor().verify(name="Ada")
    ada.write("Hello")
    page = new_context(**options).new_page()
    page.goto(f"{origin}/")
    page.get_by_text("Ada").first.click()

    expect(page.locator("[data-shield=verified]:visible").first).to_be_in_viewport()
    page.get_by_label("Reply").fill("Hi Ada")
    page.get_by_role("button", name="Send").click()

    expect(page.locator("li.message.agent .text")).to_have_text("Hi Ada")
    assert ada.read() == ["Hello", "Hi Ada"]


def test_no_page_is_wider_than_a_phone(
    desk: Desk, origin: str, new_context: NewContext, page_complaints: Complaints
) -> None:
    page_complaints.expect("403")
    long = desk.visitor().identify(email=f"{'x' * 60}@example.com", name="N" * 200).write("w" * 3000)
    page = new_context(viewport={"width": 320, "height": 700}).new_page()

    for path in ("/inbox", f"/inbox/{long}", "/inbox/con_unknown"):
        if path.endswith("unknown"):
            desk.answer = None
        page.goto(f"{origin}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") == 320, path
