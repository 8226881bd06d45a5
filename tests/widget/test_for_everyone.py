"""The widget by keyboard, by screen reader, on a phone, in the dark, and right to left."""

import pytest
from playwright.sync_api import expect

from tests.widget.conftest import Shop
from tests.widget.stand_in import StandIn, user_token

pytestmark = pytest.mark.browser


def test_the_launcher_says_what_it_does(shop: Shop) -> None:
    shop.visit()
    launcher = shop.page.get_by_role("button", name="Open chat")
    expect(launcher).to_have_attribute("aria-expanded", "false")
    launcher.click()
    expect(shop.part("launcher")).to_have_attribute("aria-expanded", "true")
    expect(shop.part("launcher")).to_have_accessible_name("Close chat")
    controlled = shop.part("launcher").get_attribute("aria-controls")
    expect(shop.part("panel")).to_have_id(controlled or "")


def test_the_panel_has_names_and_roles(shop: Shop) -> None:
    shop.visit().open()
    dialog = shop.page.get_by_role("dialog", name="Chat with us")
    expect(dialog).not_to_have_attribute("aria-modal", "true")
    expect(dialog.get_by_role("log")).to_have_attribute("aria-live", "polite")
    expect(dialog.get_by_role("textbox", name="Your message")).to_be_focused()
    expect(dialog.get_by_role("button", name="Send")).to_be_visible()
    expect(dialog).to_contain_text("Write to us. Replies show up here.")


def test_escape_closes_and_gives_the_focus_back(shop: Shop) -> None:
    shop.visit().open()
    shop.page.keyboard.press("Escape")
    expect(shop.part("panel")).to_be_hidden()
    expect(shop.part("launcher")).to_be_focused()


def test_it_works_by_keyboard_alone(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit()
    expect(shop.part("launcher")).to_be_visible()
    shop.page.keyboard.press("Tab")
    shop.page.keyboard.press("Enter")
    shop.page.keyboard.type("One")
    shop.page.keyboard.press("Shift+Enter")
    shop.page.keyboard.type("two")
    shop.page.keyboard.press("Enter")
    shop.expect_statuses("sent")
    assert kaltalk.texts("nobody") == ["One\ntwo"]


def test_enter_that_ends_a_composition_sends_nothing(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit().open()
    shop.part("input").fill("日本")
    for composing, code in (("true", 13), ("false", 229)):
        event = f"{{ key: 'Enter', isComposing: {composing}, keyCode: {code}, bubbles: true }}"
        shop.part("input").evaluate(f"(input) => input.dispatchEvent(new KeyboardEvent('keydown', {event}))")
    shop.settle()
    expect(shop.messages).to_have_count(0)
    shop.part("input").press("Enter")
    shop.expect_statuses("sent")
    assert kaltalk.texts("nobody") == ["日本"]


def test_blank_messages_are_not_sent(shop: Shop) -> None:
    shop.visit().open()
    shop.say(" \n ")
    shop.part("send").click()
    expect(shop.messages).to_have_count(0)


def test_on_a_phone_the_panel_fills_the_screen_and_can_be_closed(shop: Shop) -> None:
    shop.page.set_viewport_size({"width": 390, "height": 844})
    shop.visit().open()
    assert shop.part("panel").bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    expect(shop.part("launcher")).to_be_hidden()
    shop.part("close").click()
    expect(shop.part("launcher")).to_be_focused()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (640, 400), (390, 844), (320, 256)])
def test_nothing_is_out_of_reach_at_any_size_or_zoom(shop: Shop, width: int, height: int) -> None:
    shop.page.set_viewport_size({"width": width, "height": height})
    shop.visit().open()
    for name in ("close", "input", "send"):
        box = shop.part(name).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height


def test_the_field_grows_with_what_is_written_to_a_limit_and_the_last_words_stay_in_sight(
    shop: Shop, kaltalk: StandIn
) -> None:
    shop.visit(userJwt=user_token("ada")).open()
    for number in range(20):
        shop.say(f"Line {number}")
    shop.expect_statuses(*["sent"] * 20)
    field = shop.part("input")
    heights = []
    for text in ("", "One line", "One\ntwo\nthree", "many words " * 12, "Line\n" * 40):
        field.fill(text)
        heights.append(field.evaluate("(field) => field.offsetHeight"))
        expect(shop.messages.last).to_be_in_viewport(ratio=1)
    assert heights[0] == heights[1] == 44
    assert 44 < heights[2] < heights[3] <= heights[4] == 136
    field.fill("One\ntwo\nthree")
    field.press("Enter")
    assert field.evaluate("(field) => field.offsetHeight") == 44


def test_a_draft_has_its_height_when_the_chat_is_opened_and_when_a_phone_is_turned(shop: Shop) -> None:
    shop.visit(userJwt=user_token("ada")).open()
    shop.part("input").fill("many words " * 6)
    fits = "(field) => field.scrollHeight <= field.clientHeight && field.offsetHeight"
    wide = shop.part("input").evaluate(fits)
    shop.visit(userJwt=user_token("ada")).open()
    assert shop.part("input").evaluate(fits) == wide > 44
    shop.page.set_viewport_size({"width": 300, "height": 600})
    shop.page.evaluate("() => new Promise(requestAnimationFrame)")
    assert shop.part("input").evaluate(fits) > wide
    shop.page.set_viewport_size({"width": 470, "height": 600})
    shop.page.evaluate("() => new Promise(requestAnimationFrame)")
    assert shop.part("input").evaluate(fits) < wide


def test_right_to_left_text_runs_right_to_left(shop: Shop) -> None:
    shop.visit().open().say("مرحبا")
    shop.expect_statuses("sent")
    text = shop.messages.locator('[data-kaltalk="text"]')
    assert text.evaluate("(node) => getComputedStyle(node).direction") == "rtl"


def test_the_visitor_is_told_nothing_of_verification(shop: Shop, kaltalk: StandIn) -> None:
    shop.visit(userJwt=user_token("ada", signature="bad")).open().say("Hello")
    shop.expect_statuses("sent")
    text = shop.page.evaluate("() => document.getElementById('kaltalk-widget').shadowRoot.textContent").lower()
    assert not any(word in text for word in ("verif", "shield", "signature", "identity"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(shop: Shop, kaltalk: StandIn, scheme: str) -> None:
    shop.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    kaltalk.reply("ada", "Hi Ada")
    shop.visit(userJwt=user_token("ada")).open().say("Hello")
    shop.expect_statuses("sent", "sent")
    ratios: dict[str, float] = shop.page.evaluate(CONTRAST)
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}
    assert len(ratios) >= 6


CONTRAST = """() => {
  const root = document.getElementById("kaltalk-widget").shadowRoot;
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => numbers(color).slice(0, 3)
    .map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    const color = getComputedStyle(node).backgroundColor;
    return numbers(color)[3] === 0 ? ground(node.parentElement) : color;
  };
  const ratio = (node) => {
    const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const shown = [...root.querySelectorAll('.title, .who, .text, .meta, .time, .input, .send, .close, .launcher')];
  return Object.fromEntries(shown.map((node, i) => [`${node.className} ${i}`, ratio(node)]));
}"""
