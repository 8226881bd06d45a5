"""The lab in a real browser when something else than a button has changed or fails."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.lab.browser import Lab, log_in, outlook, press
from tests.support.browser import Complaints

pytestmark = pytest.mark.browser


def test_a_mode_that_was_changed_elsewhere_is_shown_and_below_pro_no_row_has_a_shield(lab: Lab, page: Page) -> None:
    log_in(page, lab)
    try:
        lab.command("organization", "set", "org_demo", "--mode", "required", "--plan", "starter")
        press(page, "good")
    finally:
        lab.command("organization", "set", "org_demo", "--mode", "optional", "--plan", "pro")

    expect(page.locator("#mode-title")).to_have_text("KalTalk’s mode is Required")
    expect(page.locator("[name=mode][aria-pressed=true]")).to_have_text(["Required"])
    expect(page.locator("#verdict")).to_contain_text("Below the Pro plan no other mode acts.")
    assert {row["reason"] for row in outlook(page).values()} == {"verification_off"}
    expect(page.locator("#outlook [data-shield]")).to_have_count(0)


@pytest.mark.parametrize(
    ("address", "answer", "words"),
    [
        ("messages", ("application/problem+json", 429, '{"detail": "Wait 9 seconds."}'), "not taken (429): Wait 9 sec"),
        ("identify", ("text/html", 502, "<h1>Bad gateway</h1>"), "not KalTalk answered with 502"),
    ],
)
def test_what_fails_is_said_and_leaves_nothing_of_another_button(
    lab: Lab, page: Page, page_complaints: Complaints, address: str, answer: tuple[str, int, str], words: str
) -> None:
    page_complaints.expect(f"status of {answer[1]}")
    log_in(page, lab)
    press(page, "good")
    media, status, body = answer
    page.route(f"**/{address}", lambda route: route.fulfill(status=status, content_type=media, body=body))

    page.locator("[data-experiment=expired]").click()

    expect(page.locator("#result")).to_contain_text(words)
    expect(page.locator(".step pre, #outlook table")).to_have_count(0)


def test_before_its_script_is_there_no_button_takes_a_click_that_would_be_lost(lab: Lab, page: Page) -> None:
    log_in(page, lab)
    held: list[Route] = []
    page.route("**/static/lab.js", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    page.goto(f"{lab.origin}/lab", wait_until="commit")

    tampered = page.locator("[data-experiment=tampered]")
    expect(tampered).to_be_disabled()
    held[0].continue_()
    tampered.click()

    expect(page.locator("#result[data-done=tampered]")).to_be_visible()
