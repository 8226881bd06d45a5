"""Every button of the lab in a real browser and in each mode: the shield and the reason that it must show.

One server and one page; what the page says is compared with what KalTalk has stored.
"""

import json

import pytest
from playwright.sync_api import Page, expect

from host_demo.experiments import EXPERIMENTS
from tests.conftest import NewContext
from tests.contract.people import Agent
from tests.lab.browser import Lab, choose_mode, log_in, outlook, press, sub_of
from tests.support.axe import violations
from tests.support.browser import Complaints

pytestmark = pytest.mark.browser

# What KalTalk must make of each button: state, reason, and in mode required whether it is let in.
VERIFIED = ("verified", "")
IN_OPTIONAL = {
    "good": VERIFIED,
    "expired": ("unverified", "expired"),
    "previous_secret": VERIFIED,
    "numeric_id": VERIFIED,
    "tampered": ("unverified", "bad_signature"),
    "stranger_token": ("unverified", "bad_signature"),
    "wrong_secret": ("unverified", "bad_signature"),
    "alg_none": ("unverified", "unsupported_algorithm"),
    "hs512": ("unverified", "unsupported_algorithm"),
    "no_token": ("anonymous", ""),
    "only_email": ("unverified", "no_token"),
    "stranger_id": ("unverified", "no_token"),
}


def expected(mode: str, name: str) -> dict[str, str]:
    """What the result must say, in the words of its data attributes."""
    state, reason = IN_OPTIONAL[name]
    shield = "" if state == "anonymous" else state
    if mode == "off" and state != "anonymous":
        return {"state": "unverified", "reason": "verification_off", "shield": "", "status": "200"}
    if mode == "required" and state == "unverified":
        return {"state": "refused", "reason": reason, "shield": "", "status": "401"}
    return {"state": state, "reason": reason, "shield": shield, "status": "200"}


def test_the_table_above_names_every_button() -> None:
    assert set(IN_OPTIONAL) == set(EXPERIMENTS)


@pytest.mark.parametrize("mode", ["optional", "off", "required"])
def test_every_button_shows_the_shield_and_reason_that_it_must(
    mode: str, lab: Lab, page: Page, page_complaints: Complaints
) -> None:
    if mode == "required":
        page_complaints.expect(r"status of 401 .*/identify")
    log_in(page, lab)
    press(page, "good")  # lets required be chosen
    choose_mode(page, mode)
    wrong = {}
    for name in IN_OPTIONAL:
        found = press(page, name)
        tables = outlook(page)
        if found != expected(mode, name):
            wrong[name] = found
        for other in ("off", "optional", "required"):
            promised = expected(other, name)
            del promised["shield"]
            if tables[other] != promised:
                wrong[f"{name} in the row of {other}"] = tables[other]
        shown = page.locator("#step-inbox [data-shield]").evaluate_all("found => found.map(e => e.dataset.shield)")
        assert shown == [shield for shield in [found["shield"]] if shield]
        check_against_the_database(page, lab, found, name)
    assert wrong == {}
    choose_mode(page, "optional")


def check_against_the_database(page: Page, lab: Lab, found: dict[str, str], name: str) -> None:
    """The record and the row on the page are those that are stored."""
    [(in_organization,)] = lab.stored("SELECT mode FROM kaltalk_iv_organizations")
    assert page.locator("[name=mode][aria-pressed=true]").get_attribute("value") == in_organization
    verified = page.locator("#step-record").get_attribute("data-verified")
    if name not in {"numeric_id", "stranger_token", "stranger_id", "only_email", "no_token"}:
        stored = lab.stored("SELECT verified FROM kaltalk_iv_customers WHERE external_id = ?", sub_of(page))
        assert stored == [(int(verified == "true"),)]
    link = page.locator("#step-inbox a")
    if found["status"] == "401":
        assert link.count() == 0
        return
    conversation_id = (link.get_attribute("href") or "").rsplit("/", 1)[1]
    [(state, reason, last)] = lab.stored(
        "SELECT state, reason, last_message FROM kaltalk_iv_conversations WHERE id = ?", conversation_id
    )
    assert (state, reason or "") == (found["state"], found["reason"])
    assert last == f"From the lab: {EXPERIMENTS[name].label}"


def test_the_command_line_agrees_after_a_tampered_token(lab: Lab, page: Page) -> None:
    log_in(page, lab)

    press(page, "good")
    expect(page.locator("#step-record")).to_have_attribute("data-verified", "true")
    press(page, "tampered")
    record = lab.command("customer", "show", "org_demo", "--external-id", sub_of(page))

    assert (record["verified"], record["downgradedReason"], record["name"]) == (False, "bad_signature", "Ada Lovelace")
    expect(page.locator("#step-record")).to_contain_text("no: taken away, bad_signature")


def test_the_link_opens_the_conversation_that_the_lab_began(lab: Lab, page: Page, new_context: NewContext) -> None:
    log_in(page, lab, "bob")
    press(page, "good")
    link = page.locator("#step-inbox a").get_attribute("href") or ""
    grace = Agent(new_context().new_page(), f"{lab.origin}/kaltalk")
    grace.log_in()

    grace.page.goto(lab.origin + link)

    grace.sees_green()
    expect(grace.page.get_by_role("log")).to_contain_text("From the lab: A good token")


def test_the_token_is_taken_apart_and_is_the_one_that_was_sent(lab: Lab, page: Page) -> None:
    log_in(page, lab)
    bodies = []
    page.on("request", lambda request: bodies.append(request.post_data) if "/identify" in request.url else None)

    press(page, "alg_none")

    [body] = bodies
    token = page.locator("#step-token .whole").inner_text()
    assert json.loads(body) == {"userJwt": token}
    assert page.locator("#step-request pre").inner_text().endswith(body)
    assert token in page.locator("#step-snippet pre").inner_text()
    assert [part.inner_text() for part in page.locator("#step-request pre span").all()] == token.split(".")
    assert json.loads(page.locator(".part.header pre").inner_text()) == {"alg": "none", "typ": "JWT"}
    assert list(json.loads(page.locator(".part.payload pre").inner_text())) == ["sub", "email", "name", "iat", "exp"]
    expect(page.locator("#step-answer .failed")).to_contain_text("Algorithm HS256")


def test_a_guess_is_judged_by_what_happened(lab: Lab, page: Page) -> None:
    log_in(page, lab)

    page.get_by_label("Green").check(force=True)
    press(page, "expired")
    expect(page.locator(".judged")).to_have_text("You guessed green. It is amber.")

    page.get_by_label("Amber").check(force=True)
    press(page, "expired")
    expect(page.locator(".judged")).to_have_text("Your guess was right.")

    press(page, "expired")
    expect(page.locator(".judged")).to_have_count(0)


def test_the_keyboard_alone_is_enough_and_the_result_is_announced(lab: Lab, page: Page) -> None:
    log_in(page, lab)
    button = page.get_by_role("button", name="A good token")

    button.focus()
    page.keyboard.press("Enter")
    page.locator("#result[data-done=good]").wait_for()

    expect(button).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="Identity verified")).to_be_visible()
    expect(button).to_have_accessible_description("Signed for you a moment ago, valid for one hour.")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_and_nothing_sticks_out(lab: Lab, new_context: NewContext, width: int, scheme: str) -> None:
    context = new_context(bypass_csp=True, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = log_in(context.new_page(), lab)

    found = violations(page)
    for name in ("good", "tampered", "no_token"):
        press(page, name)
        found += violations(page)

    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_logged_out_meanwhile_the_page_says_so(lab: Lab, page: Page, page_complaints: Complaints) -> None:
    page_complaints.expect(r"status of 400 .*/lab/prepare")
    log_in(page, lab)
    page.context.clear_cookies()

    page.locator("[data-experiment=good]").click()

    expect(page.locator("#result")).to_contain_text("Load this page again")


def test_logging_out_in_the_lab_ends_the_chat_of_another_tab(lab: Lab, page: Page) -> None:
    log_in(page, lab)
    shop = page.context.new_page()
    shop.goto(lab.origin)
    expect(shop.locator("[data-kaltalk=launcher]")).to_be_visible()

    page.get_by_role("button", name="Log out").click()

    expect(shop.locator("[data-kaltalk=launcher]")).to_have_count(0)
    assert shop.evaluate("Object.keys(sessionStorage)") == []
