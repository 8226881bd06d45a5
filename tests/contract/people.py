"""The people of the round trip, each with a browser of their own: customers at the shop, an agent at the inbox."""

import re

from playwright.sync_api import Locator, Page, expect

# What somebody does with the developer tools open: the page's own script hands over another token than it was given.
_TAMPER = """
const tamper = (value) => {
  if (value?.userJwt && sessionStorage.tamper === "yes") {
    value.userJwt = value.userJwt.replace(/[.](.)([^.]*)$/, (_, first, end) => "." + (first === "A" ? "B" : "A") + end);
  }
  return value;
};
const { parse } = JSON;
JSON.parse = (...given) => tamper(parse(...given));
const { json } = Response.prototype; // the fresh ones too, that getUserJwt fetches
Response.prototype.json = async function () { return tamper(await json.call(this)); };
"""
PASSWORD = "a password for the round trip"


class Customer:
    """Somebody at the shop, with the chat."""

    def __init__(self, page: Page, shop: str) -> None:
        self.page = page
        self._shop = shop

    def log_in(self, username: str) -> None:
        """Sign in to the shop as a customer does."""
        self.page.goto(f"{self._shop}/login")
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("main").get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("button", name="Log out")).to_be_visible()
        self.page.wait_for_load_state()  # the button stands at the top of the page, the chat at its end

    def register(self, username: str, *, name: str = "", email: str = "") -> None:
        """Make an account at the shop."""
        self.page.goto(f"{self._shop}/register")
        fields = {"Name": name or username.title(), "E-mail": email or f"{username}@example.com", "Password": PASSWORD}
        for label, text in fields.items():
            self.page.get_by_label(label, exact=True).fill(text)
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_role("main").get_by_role("button").click()
        expect(self.page.get_by_role("button", name="Log out")).to_be_visible()
        self.page.wait_for_load_state()

    def log_out(self) -> None:
        """Sign out of the shop."""
        self.page.get_by_role("button", name="Log out").click()
        expect(self.page.get_by_role("link", name="Log in").first).to_be_visible()
        self.page.wait_for_load_state()

    def visit(self, path: str = "/") -> None:
        """Load a page of the shop."""
        self.page.goto(self._shop + path)

    def open_chat(self) -> None:
        """Open the chat, if it is closed."""
        launcher = self.page.locator("[data-kaltalk=launcher]")
        if launcher.get_attribute("aria-expanded") != "true":
            launcher.click()
        expect(self.page.locator("[data-kaltalk=input]")).to_be_focused()

    def write(self, text: str) -> None:
        """Send a message and see it arrive."""
        self.open_chat()
        self.page.locator("[data-kaltalk=input]").fill(text)
        self.page.locator("[data-kaltalk=input]").press("Enter")
        expect(self.lines.filter(has_text=text)).to_have_attribute("data-status", "sent")

    @property
    def lines(self) -> Locator:
        """The messages that the chat shows."""
        return self.page.locator("[data-kaltalk=messages] [data-author]")

    @property
    def user_jwt(self) -> str:
        """The token in this page."""
        settings = self.page.locator("#kaltalk-settings").text_content() or ""
        found = re.search(r'"userJwt": ?"([^"]+)"', settings)
        assert found, "the page holds no token"
        return found[1]

    def tamper_with_the_token(self) -> None:
        """From now on, until `stop_tampering`, this page's tokens are changed: one character of the signature."""
        self.page.add_init_script(_TAMPER)
        self.page.evaluate("sessionStorage.tamper = 'yes'")

    def stop_tampering(self) -> None:
        """Let the tokens be what the shop signed."""
        self.page.evaluate("delete sessionStorage.tamper")


class Agent:
    """Somebody who answers at KalTalk."""

    def __init__(self, page: Page, kaltalk: str) -> None:
        self.page = page
        self._kaltalk = kaltalk

    def log_in(self, login: str = "grace") -> None:
        """Log in and land in the inbox."""
        self.page.goto(f"{self._kaltalk}/inbox")
        self.page.get_by_label("Login").fill(login)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page).to_have_url(f"{self._kaltalk}/inbox")

    def open_conversation(self, text: str) -> None:
        """Open the conversation whose last line this is; it appears in the open list without a reload."""
        self.page.goto(f"{self._kaltalk}/inbox")
        row = self.page.locator("[data-conversation]").filter(has_text=text)
        expect(row).to_have_count(1)
        row.get_by_role("link").first.click()
        expect(self.drawer).to_be_visible()

    def reply(self, text: str) -> None:
        """Answer in the open conversation."""
        self.page.get_by_label("Reply").fill(text)
        self.page.get_by_role("button", name="Send").click()
        expect(self.page.get_by_role("log").get_by_text(text)).to_be_visible()

    @property
    def drawer(self) -> Locator:
        """The customer drawer of the open conversation."""
        return self.page.locator("#customer-drawer")

    def field(self, name: str) -> Locator:
        """A value of the customer in the drawer."""
        return self.drawer.locator(f"[data-field={name}]")

    def sees_green(self) -> None:
        """The shield of the open conversation is green, and says so in words."""
        expect(self.drawer).to_have_attribute("data-identity-state", "verified")
        expect(self.drawer.locator("[data-shield=verified]")).to_contain_text("Identity verified")
        expect(self.drawer.locator("[data-shield=unverified]")).to_have_count(0)

    def sees_amber(self, reason: str) -> None:
        """The shield of the open conversation is amber, and its reason is given."""
        expect(self.drawer).to_have_attribute("data-identity-state", "unverified")
        expect(self.drawer).to_have_attribute("data-identity-reason", reason)
        expect(self.drawer.locator("[data-shield=unverified]")).to_contain_text("Unverified")
        expect(self.drawer.locator("[data-shield=verified]")).to_have_count(0)
