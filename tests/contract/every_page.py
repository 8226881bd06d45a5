"""Every page and state of both parties, one after another on one page: `test_looks` checks them, `tour` pictures them.

A walk yields the name of what the page shows now. Whoever takes the walk looks, and asks for the next.
"""

from collections.abc import Callable, Iterator

from playwright.sync_api import Page, expect

from kaltalk_iv.core.policy import Mode, Plan
from tests.contract.all_day import HOUR, Day
from tests.contract.crowd import ARABIC, LONG, Visitor, broken, conversations, token_of
from tests.contract.people import PASSWORD, Agent, Customer

PROVEN = ("verified", "of somebody with an Arabic name")
SETTINGS = "/settings/security/identity-verification"

Walk = Callable[[Page, Day], Iterator[str]]


def shop(page: Page, day: Day) -> Iterator[str]:
    """The shop and its chat, from a stranger to a customer."""
    ada = Customer(page, day.shop)
    main = page.get_by_role("main")
    for path in ("/", "/login", "/register", "/nothing-here"):
        ada.visit(path)
        yield f"shop {path} logged out"
    ada.visit("/login")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("not the password")
    main.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert").or_(page.locator(".error")).first).to_be_visible()
    yield "shop /login refused"
    ada.visit("/register")
    page.get_by_label("Username").fill("!")
    main.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "shop /register refused"
    ada.register("leyla", name=ARABIC)
    ada.visit()
    yield "shop / of somebody with an Arabic name"
    ada.log_out()
    ada.register("long", name=LONG)
    yield "shop /profile with an address that waits"
    page.get_by_label("Code").fill("AAAAA-AAAAA")
    main.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "shop /profile with a wrong code"
    ada.visit()
    yield "shop / of somebody with a long name"
    ada.log_out()
    ada.log_in("ada")
    for path in ("/", "/orders", "/profile", "/nothing-here"):
        ada.visit(path)
        yield f"shop {path}"
    ada.visit("/profile")
    main.get_by_role("button").click()
    expect(page.get_by_role("status").first).to_be_visible()
    yield "shop /profile saved"
    ada.visit()
    ada.open_chat()
    yield "chat empty"
    ada.write("Where is my Assam?")
    ada.write("It should have come on Monday: https://example.com/" + "parcel-without-a-blank/" * 4)
    yield "chat with lines"


def lab(page: Page, day: Day) -> Iterator[str]:
    """The lab: before the first button, and after those that lead to pages of different shapes."""
    ada = Customer(page, day.shop)
    ada.log_in("ada")
    ada.visit("/lab")
    yield "lab untouched"
    for mode, names in (
        ("optional", ("good", "tampered", "no_token")),
        ("required", ("tampered",)),
        ("off", ("good",)),
    ):
        page.locator(f"button[value={mode}]").click()
        expect(page.locator(f"button[value={mode}]")).to_have_attribute("aria-pressed", "true")
        for name in names:
            page.locator(f"[data-experiment={name}]").click()
            expect(page.locator(f"#result[data-done={name}]")).to_be_visible()
            yield f"lab {name} in mode {mode}"
    page.locator("button[value=optional]").click()
    expect(page.locator("button[value=optional]")).to_have_attribute("aria-pressed", "true")


def inbox(page: Page, day: Day) -> Iterator[str]:
    """The login, the list and the conversations in each state."""
    page.goto(f"{day.kaltalk}/inbox")
    yield "inbox login"
    page.get_by_label("Login").fill("grace")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "inbox login refused"
    Agent(page, day.kaltalk).log_in()
    yield "inbox empty"
    at = conversations(page, day)
    for name, query in (("full", ""), ("filtered", "?identity=verified"), ("found nothing", "?q=nobody+of+this+name")):
        page.goto(f"{day.kaltalk}/inbox{query}")
        yield f"inbox {name}"
    for name, path in at.items():
        page.goto(day.kaltalk + path)
        state = "verified" if name in PROVEN else "anonymous" if name == "anonymous" else "unverified"
        expect(page.locator("#customer-drawer")).to_have_attribute("data-identity-state", state)
        yield f"conversation {name}"
    page.goto(day.kaltalk + at["claimed beside proven"])
    page.get_by_label("Reply", exact=True).fill("I have sent it to ada@example.com.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("button", name="Send anyway")).to_be_visible()
    yield "conversation held reply"
    page.goto(day.kaltalk + at["anonymous"])
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("button", name="Reopen")).to_be_visible()
    yield "conversation closed"
    day.change_organization(mode=Mode.OFF)
    page.goto(day.kaltalk + at["verified"])
    yield "conversation of before in mode off"
    day.change_organization(mode=Mode.OPTIONAL)
    day.sleep(2 * HOUR)
    page.goto(day.kaltalk + at["verified"])
    yield "conversation with a proof that has run out"
    page.goto(f"{day.kaltalk}/inbox/nothing-here")
    yield "inbox not found"


def settings(page: Page, day: Day) -> Iterator[str]:
    """The settings: the whole page, each card's answer, each page that asks once more."""
    grace = Agent(page, day.kaltalk)
    grace.log_in("alan")
    page.goto(f"{day.kaltalk}{SETTINGS}")
    yield "settings refused to an agent"
    page.get_by_role("button", name="Log out").click()
    grace.log_in()
    at = f"{day.kaltalk}{SETTINGS}"
    page.goto(at)
    yield "settings unused"
    token = token_of(page, day, "ada")
    for body in ({"userJwt": token}, {"userJwt": broken(token)}, {"email": "bob@example.com"}, {}):
        Visitor(page, day).identify(**body)
    page.goto(at)
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true })")
    yield "settings"
    for name, text in (("fails", broken(token)), ("verifies", token)):
        page.goto(at)
        page.get_by_label("User token").fill(text)
        page.get_by_role("button", name="Test the token").click()
        expect(page.locator(".report")).to_be_visible()
        yield f"settings with a token that {name}"
    page.get_by_role("textbox", name="Origins").fill("shop.example.com")
    page.get_by_role("button", name="Save the list").click()
    yield "settings with a refused origin"
    page.goto(at)
    page.get_by_label("Required").check()
    page.get_by_role("button", name="Save the mode").click()
    yield "settings choose required"


def secrets(page: Page, day: Day) -> Iterator[str]:
    """What becomes of the signing secrets: revealed, rotated, replaced; and what a plan below Pro leaves."""
    Agent(page, day.kaltalk).log_in()
    at = f"{day.kaltalk}{SETTINGS}"
    path = Visitor(page, day).identify(userJwt=token_of(page, day, "ada")).write("Hello")
    page.goto(f"{at}/reveal")
    yield "settings reveal"
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("#secret")).to_be_visible()
    yield "settings revealed"
    page.goto(at)
    page.get_by_role("button", name="Rotate").click()
    expect(page.locator("[data-countdown]")).to_be_visible()
    yield "settings with a grace window"
    for name in ("end-window", "replace", "audit"):
        page.goto(f"{at}/{name}")
        yield f"settings {name}"
    page.goto(f"{at}/replace")
    page.get_by_label("Type org_demo to confirm").fill("org_demo")
    page.get_by_role("button", name="Replace every secret").click()
    yield "settings replaced"
    page.goto(f"{at}/revoked")
    yield "settings revoked"
    page.goto(day.kaltalk + path)
    yield "conversation with a revoked proof"
    page.goto(f"{at}/end-window")
    yield "settings nothing to end"
    day.change_organization(plan=Plan.FREE)
    page.goto(at)
    yield "settings below Pro"


WALKS: dict[str, Walk] = {"shop": shop, "lab": lab, "inbox": inbox, "settings": settings, "secrets": secrets}
