"""Every button of the lab in a real browser and in each mode: the shield and the reason that it must show.

One server and one page; what the page says is compared with what KalTalk has stored.
"""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from host_demo.lab import EXPERIMENTS
from tests.conftest import NewContext
from tests.contract.people import PASSWORD, Agent
from tests.support.axe import violations
from tests.support.browser import Complaints
from tests.support.servers import Server, clean_environment

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]

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


@dataclass(frozen=True)
class Lab:
    """A running demo."""

    origin: str
    folder: Path

    def stored(self, question: str, *values: str) -> list[tuple[Any, ...]]:
        """Read KalTalk's database."""
        database = sqlite3.connect(self.folder / "kaltalk.sqlite3")
        try:
            return database.execute(question, values).fetchall()
        finally:
            database.close()

    def command(self, *arguments: str) -> Any:
        """Run KalTalk's command line and return its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", "kaltalk-iv", *arguments, "--json"],
            cwd=ROOT,
            env=clean_environment({"KALTALK_DEMO_DIR": str(self.folder), "KALTALK_DEMO_PASSWORD": PASSWORD}),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A demo that runs in a process of its own."""
    folder = tmp_path_factory.mktemp("lab")
    environment = {"KALTALK_DEMO_DIR": str(folder), "KALTALK_DEMO_PASSWORD": PASSWORD}
    with Server([sys.executable, str(ROOT / "app.py")], log=folder / "log", env=environment) as server:
        yield Lab(server.origin, folder)


def log_in(page: Page, lab: Lab, username: str = "ada") -> Page:
    """Go to the lab, by way of the login."""
    page.goto(f"{lab.origin}/lab")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.wait_for_url("**/lab")
    return page


def press(page: Page, name: str) -> dict[str, str]:
    """Press a button, wait until all is done, and return what the result says."""
    page.locator(f"[data-experiment={name}]").click()
    page.locator(f"#result[data-done={name}]").wait_for()
    found: dict[str, str] = page.locator("#result").evaluate("element => ({...element.dataset})")
    del found["done"]
    return found


def choose_mode(page: Page, mode: str) -> None:
    """Use the lab's own switch."""
    page.locator(f"button[name=mode][value={mode}]").click()
    expect(page.get_by_text(f"The mode is {mode.capitalize()} now.")).to_be_visible()
    expect(page.locator(f"button[name=mode][value={mode}]")).to_have_attribute("aria-pressed", "true")


def outlook(page: Page) -> dict[str, dict[str, str]]:
    """What the table says of each mode."""
    rows = page.locator("#outlook tbody tr").evaluate_all("rows => rows.map(row => ({...row.dataset}))")
    return {row.pop("mode"): row for row in rows}


def sub_of(page: Page) -> str:
    """The id of whoever is logged in."""
    return page.locator("#step-known dd").first.inner_text()


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
