"""How everything looks and is reached: axe-core on every page in both colour schemes, narrow screens, the keyboard."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Keyboard, Locator, Page, ViewportSize, expect

from tests.conftest import NewContext
from tests.contract.all_day import Day
from tests.contract.every_page import WALKS
from tests.contract.people import PASSWORD
from tests.support.axe import violations
from tests.support.browser import Complaints
from tests.support.node import NodeSigner

pytestmark = [pytest.mark.browser, pytest.mark.node]

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
ZOOMED: ViewportSize = {"width": 640, "height": 400}  # the desk at 200 %
NARROWEST: ViewportSize = {"width": 320, "height": 256}  # the desk at 400 %: WCAG 2.2, 1.4.10
BY_KEYBOARD = (
    *("shop / logged out", "shop /login logged out", "shop /profile", "chat with lines"),
    "lab tampered in mode optional",
    *("inbox full", "conversation claimed beside proven", "conversation held reply"),
    *("settings", "settings with a token that fails", "settings revealed"),
)

LOOKS = (Path(__file__).parent / "looks.js").read_text(encoding="utf-8")


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    """The demo, running."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    day = Day(tmp_path)
    day.start()
    yield day
    day.stop()


@pytest.mark.parametrize("name", WALKS)
def test_axe_finds_nothing_nothing_runs_out_of_the_screen_and_tab_goes_everywhere(
    day: Day, new_context: NewContext, page_complaints: Complaints, node_sign: NodeSigner, name: str
) -> None:
    page_complaints.expect("responded with a status of 4")
    page = new_context(bypass_csp=True, viewport=DESK).new_page()
    found = {
        state: problems(page) + (unreached(page) if state in BY_KEYBOARD else []) for state in WALKS[name](page, day)
    }
    assert {state: broken for state, broken in found.items() if broken} == {}
    assert len(found) > 5, "the walk was cut short"
    assert not found.keys().isdisjoint(BY_KEYBOARD), "nobody has pressed Tab"


def test_the_round_trip_needs_no_mouse(day: Day, new_context: NewContext) -> None:
    shop, inbox = new_context().new_page(), new_context().new_page()
    shop.goto(f"{day.shop}/login")
    tab_to(shop.get_by_label("Username")).type("ada")
    tab_to(shop.get_by_label("Password")).type(PASSWORD)
    press(shop.get_by_role("main").get_by_role("button", name="Log in"))
    press(shop.locator("[data-kaltalk=launcher]"))
    expect(shop.locator("[data-kaltalk=input]")).to_be_focused()
    shop.keyboard.type("Where is my Assam?")
    shop.keyboard.press("Enter")
    expect(shop.locator("[data-author=visitor]")).to_have_attribute("data-status", "sent")
    shop.keyboard.press("Escape")
    expect(shop.locator("[data-kaltalk=panel]")).to_be_hidden()
    expect(shop.locator("[data-kaltalk=launcher]")).to_be_focused()

    inbox.goto(f"{day.kaltalk}/inbox")
    expect(inbox.get_by_label("Login")).to_be_focused()
    inbox.keyboard.type("grace")
    tab_to(inbox.get_by_label("Password")).type(PASSWORD)
    inbox.keyboard.press("Enter")
    press(inbox.get_by_role("link", name="Where is my Assam?"))
    tab_to(inbox.get_by_label("Reply", exact=True)).type("On its way.")
    press(inbox.get_by_role("button", name="Send", exact=True))
    expect(inbox.get_by_role("log").get_by_text("On its way.")).to_be_visible()
    press(inbox.get_by_role("button", name="Close", exact=True))
    expect(inbox.get_by_role("button", name="Reopen")).to_be_focused()
    press(inbox.get_by_role("link", name="Settings"))
    tab_to(inbox.get_by_label("Optional")).press("ArrowUp")
    press(inbox.get_by_role("button", name="Save the mode"))
    expect(inbox.get_by_label("Off")).to_be_checked()

    press(shop.get_by_role("link", name="Lab", exact=True))
    press(shop.get_by_role("button", name="A tampered token"))
    expect(shop.locator("#result")).to_have_attribute("data-reason", "verification_off")


def tab_to(control: Locator) -> Keyboard:
    """Press Tab until the control has the focus, from wherever the page is."""
    control.wait_for()
    keyboard = control.page.keyboard
    for _ in range(80):
        if control.evaluate("element => element.getRootNode().activeElement === element"):
            return keyboard
        keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {control}")


def press(control: Locator) -> None:
    """Go to the control with Tab and press Enter."""
    tab_to(control).press("Enter")


def unreached(page: Page) -> list[str]:
    """The controls that Tab does not reach, or that do not show when it does."""
    for _ in range(page.evaluate("kaltalkLooks.listen()") + 3):
        page.keyboard.press("Tab")
    return [f"no focus to be seen on {control}" for control in page.evaluate("kaltalkLooks.unseen()")]


def problems(page: Page) -> list[str]:
    """What is wrong with the page as it stands: on a desk in daylight, on a phone in the dark, and zoomed."""
    page.wait_for_load_state()
    page.evaluate(LOOKS)
    found = [
        f"moves, though less motion was asked for: {element}" for element in page.evaluate("kaltalkLooks.moving()")
    ]
    found += ["an inbox longer than the screen"] if page.evaluate("kaltalkLooks.tooLong()") > 0 else []
    found += [f"on a desk, light: {line}" for line in violations(page)]
    page.emulate_media(color_scheme="dark")
    for size in (ZOOMED, NARROWEST, PHONE):
        page.set_viewport_size(size)
        too_wide = page.evaluate("kaltalkLooks.tooWide()")
        if too_wide > 0:
            found.append(f"{too_wide} pixels too wide at {size['width']}")
    found += [f"on a phone, dark: {line}" for line in violations(page)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)
    return found
