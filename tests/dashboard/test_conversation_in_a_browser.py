"""The page of a conversation in a real browser: names that pretend, held replies, long threads, local times."""

import re
import time

import pytest
from itsdangerous import TimestampSigner
from playwright.sync_api import Page, expect

from kaltalk_iv.service.conversation import LINES_LENGTH
from tests.conftest import NewContext
from tests.dashboard.desk import Desk
from tests.dashboard.test_earlier_lines import lengthen
from tests.support import axe
from tests.support.browser import Complaints

pytestmark = pytest.mark.browser
SOON = 12_000  # ms; the page asks every three seconds
WORDS = "Your address is ada@example.com"


@pytest.mark.parametrize("width", [1280, 390])
def test_a_name_that_pretends_is_another_element_than_the_shield(
    desk: Desk, origin: str, new_context: NewContext, width: int
) -> None:
    page = new_context(viewport={"width": width, "height": 844}).new_page()
    for name in ("🛡 Ann ✔ Identity verified", "Shield: Identity verified"):
        conversation_id = desk.visitor().identify(email="ann@example.com", name=name).write()
        page.goto(f"{origin}/inbox/{conversation_id}")

        tree = page.locator("body").aria_snapshot()
        assert 'img "Shield: Unverified"' in tree
        assert 'img "Shield: Identity verified"' not in tree
        heading, shield = page.locator("h1"), page.locator(".thread header [data-shield]")
        assert shield.evaluate("shield => shield.closest('bdi') === null && shield.querySelector('bdi') === null")
        expect(shield).to_be_in_viewport(ratio=1)
        expect(page.locator(".whose")).to_contain_text("claimed")
        name_box, shield_box = heading.bounding_box(), shield.bounding_box()
        assert name_box is not None
        assert shield_box is not None
        assert name_box["y"] + name_box["height"] <= shield_box["y"] + 1, "the name is drawn over the shield"
        assert page.title().lstrip("(0123456789) ").startswith("Unverified: ")


def test_a_held_reply_is_sent_by_the_button_and_by_nothing_else(
    desk: Desk, origin: str, page: Page, page_complaints: Complaints
) -> None:
    page_complaints.expect("409")
    visitor = desk.visitor().identify(email="ada@example.com")
    page.goto(f"{origin}/inbox/{visitor.write('Hello')}")
    reply = page.get_by_label("Reply", exact=True)
    reply.fill(WORDS)

    for _ in range(2):  # the keys that send do not confirm
        reply.press("Control+Enter")
        expect(page.get_by_role("alert")).to_contain_text("An e-mail address: ada@example.com")
        expect(page.locator("form.reply")).not_to_have_attribute("aria-busy", "true")
    reply.fill(f"{WORDS}, and the PIN is 1234")
    page.get_by_role("button", name="Send anyway").click()  # other words than those asked about
    expect(page.get_by_role("alert")).to_contain_text("A password or a code")
    assert visitor.read() == ["Hello"]

    page.get_by_role("button", name="Send anyway").click()
    expect(page.locator("li.message.agent .text")).to_have_text([f"{WORDS}, and the PIN is 1234"])
    expect(reply).to_have_value("")
    expect(page.get_by_role("button", name="Send anyway")).to_have_count(0)


def test_without_script_a_held_reply_is_sent_with_the_keyboard(
    desk: Desk, origin: str, new_context: NewContext, page_complaints: Complaints
) -> None:
    page_complaints.expect("409")
    visitor = desk.visitor().identify(email="ada@example.com")
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{origin}/inbox/{visitor.write('Hello')}")
    page.get_by_label("Reply", exact=True).fill(WORDS)
    page.get_by_role("button", name="Send", exact=True).press("Enter")
    expect(page.get_by_label("Reply", exact=True)).to_have_value(WORDS)

    page.get_by_role("button", name="Send anyway").press("Enter")

    expect(page.locator("li.message.agent .text")).to_have_text([WORDS])
    assert visitor.read() == ["Hello", WORDS]


def test_identity_lost_while_the_agent_types_is_an_alarm_and_holds_the_reply_back_once(
    desk: Desk, origin: str, page: Page, page_complaints: Complaints, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_complaints.expect("409")
    second = int(time.time())  # all of it within one second: form tokens change with the seconds, and must not matter
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _signer: second)
    ada = desk.visitor().verify()
    page.goto(f"{origin}/inbox/{ada.write('Hello')}")
    reply = page.get_by_label("Reply", exact=True)
    reply.fill("1 Main Street")
    desk.clock.now += 3601
    ada.write("Which address do you have?")

    expect(page.get_by_role("alert")).to_contain_text("The identity was lost while this page was open.", timeout=SOON)
    expect(reply).to_be_focused()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("identity was lost while you wrote")
    expect(reply).to_have_value("1 Main Street")
    assert "1 Main Street" not in ada.read()

    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("li.message.agent .text")).to_have_text(["1 Main Street"])
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_long_conversation_grows_upwards_and_leaves_no_gap(desk: Desk, origin: str, page: Page) -> None:
    conversation_id = desk.visitor().verify().write("line 1")
    lengthen(desk, conversation_id, LINES_LENGTH + 5)
    page.goto(f"{origin}/inbox/{conversation_id}")
    page.get_by_label("Reply", exact=True).fill("half a sen")
    lines = page.locator("ol[data-live=lines] > li")
    expect(lines).to_have_count(LINES_LENGTH)
    top = page.get_by_text("line 6", exact=True)
    top.scroll_into_view_if_needed()
    before = top.bounding_box()

    page.get_by_role("link", name="Earlier lines").press("Enter")

    expect(lines).to_have_count(LINES_LENGTH + 5)
    expect(page.get_by_role("link", name="Earlier lines")).to_have_count(0)
    after = top.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 60, "the place jumped"
    expect(page.get_by_label("Reply", exact=True)).to_have_value("half a sen")

    lengthen(desk, conversation_id, 2 * LINES_LENGTH + 50)  # more at once than an answer holds
    expect(lines.last).to_contain_text(f"line {2 * LINES_LENGTH + 50}", timeout=SOON)
    positions = lines.evaluate_all("lines => lines.map((line) => Number(line.dataset.position))")
    assert positions == list(range(LINES_LENGTH + 51, 2 * LINES_LENGTH + 51))
    expect(page.get_by_role("link", name="Earlier lines")).to_have_count(1)


def test_a_line_whose_proof_is_revoked_says_so_while_the_page_is_open(desk: Desk, origin: str, page: Page) -> None:
    page.goto(f"{origin}/inbox/{desk.visitor().verify().write('Hello')}")

    desk.replace_secrets()

    expect(page.locator("li.message")).to_contain_text("secret revoked since", timeout=SOON)
    expect(page.locator("li.message")).to_have_count(1)


def test_times_on_both_sides_of_a_clock_change_are_told_apart(desk: Desk, origin: str, page: Page) -> None:
    desk.clock.now = 1761438600.0  # 2025-10-26T00:30Z, half past two in Berlin; an hour later it is that again
    conversation_id = desk.visitor().verify(exp=int(desk.clock.now) + 3600).write()
    page.clock.set_fixed_time("2025-10-26T02:00:00Z")
    page.goto(f"{origin}/inbox/{conversation_id}")

    times = page.locator("#customer-drawer .identity time")
    assert [re.sub(r"\s", " ", text) for text in times.all_inner_texts()] == ["02:30 GMT+2", "02:30"]
    assert "Central European Summer Time" in (times.first.get_attribute("title") or "")
    expect(page.locator("[data-zone]")).to_have_text("Central European Standard Time (GMT+1)")


def test_the_id_is_copied_as_it_is(desk: Desk, origin: str, new_context: NewContext) -> None:
    page = new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.goto(f"{origin}/inbox/{desk.visitor().verify('u_7').write()}")

    page.get_by_role("button", name="Copy Customer id").press("Enter")

    expect(page.locator("[data-announce]")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "u_7"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state_of_the_page(
    desk: Desk, origin: str, new_context: NewContext, page_complaints: Complaints, scheme: str
) -> None:
    page_complaints.expect("409")
    ada = desk.visitor().verify(email="ada@example.com", name="Ada")
    ada.write("Hello")
    desk.clock.now += 3601
    lost = ada.write("Still me")
    forged = desk.visitor().identify(externalId="u_ada", name="P\u0430ul ✔").write()
    nobody = desk.visitor().identify().write()
    lengthen(desk, nobody, 3)
    page = new_context(color_scheme=scheme, bypass_csp=True).new_page()
    found: dict[str, list[str]] = {}
    for path in (lost, f"{nobody}?before=3") if scheme == "light" else ():
        page.goto(f"{origin}/inbox/{path}")
        found[path] = axe.violations(page)
    page.goto(f"{origin}/inbox/{forged}")
    page.get_by_label("Reply", exact=True).fill(WORDS)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("button", name="Send anyway")).to_be_visible()
    found["held"] = axe.violations(page)

    assert {state: broken for state, broken in found.items() if broken} == {}
