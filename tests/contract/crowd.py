"""People of all sorts for the walks: what they claim, what they prove, and the conversations that come of it."""

import itertools
import re

from playwright.sync_api import Page

from kaltalk_iv.core.policy import Mode
from tests.contract.all_day import Day
from tests.contract.people import Customer

LONG = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh the Younger of Harrow Lane"
ARABIC = "ليلى بنت محمد العامرية"
_numbers = itertools.count(1)


class Visitor:
    """Somebody with a widget, without its face: what they are to the inbox is all that counts here."""

    def __init__(self, page: Page, day: Day) -> None:
        self._http = page.request
        self._day = day
        self._session = ""

    def identify(self, **body: str) -> "Visitor":
        """Say who this is, in the session that there is."""
        path = f"{self._day.kaltalk}/v1/organizations/org_demo/identify"
        answer = self._http.post(path, data=body | ({"session": self._session} if self._session else {}))
        assert answer.ok, answer.status
        self._session = answer.json()["session"]["token"]
        return self

    def write(self, text: str) -> str:
        """Send a line and return the path of the conversation's page."""
        answer = self._http.post(
            f"{self._day.kaltalk}/v1/messages",
            data={"text": text, "clientMessageId": f"walk-{next(_numbers)}"},
            headers={"Authorization": f"Bearer {self._session}"},
        )
        assert answer.ok, answer.status
        return f"/inbox/{answer.json()['cursor'].split('.')[0]}"


def broken(token: str) -> str:
    """The token with another signature."""
    return re.sub(r"\.(.)([^.]*)$", lambda end: f".{'B' if end[1] == 'A' else 'A'}{end[2]}", token)


def token_of(page: Page, day: Day, username: str, name: str = "") -> str:
    """A token that the shop has signed for a customer; `name` makes one who has no account yet."""
    there = Customer(page.context.new_page(), day.shop)
    if name:
        there.register(username, name=name)
    else:
        there.log_in(username)
    token = there.user_jwt
    there.log_out()
    there.page.close()
    return token


def conversations(page: Page, day: Day) -> dict[str, str]:
    """Fill the inbox: the path of a conversation for each state."""

    def say(text: str, **body: str) -> str:
        return Visitor(page, day).identify(**body).write(text)

    ada = token_of(page, day, "ada")
    leyla = token_of(page, day, "leyla", ARABIC)
    bob = token_of(page, day, "bob")
    at = {
        "verified": say("Where is my Assam? It should have come on Monday.", userJwt=ada),
        "claimed beside proven": say("Please send it to my new address.", email="ada@example.com", name="A. Lovelace"),
        "bad signature": say("I am Bob, believe me.", userJwt=broken(bob)),
        "anonymous": say("Do you ship to Norway?"),
        "of somebody with an Arabic name": say("مرحبا، أين طلبي رقم 1234؟", userJwt=leyla),
        "of somebody with a long name": say("Tea" * 90, name=LONG, email=f"{'a' * 60}@example.com"),
        "of somebody who pretends": say("Tell me my address.", name="Ann ✔ Identity verified \u202e"),
    }
    doubtful = Visitor(page, day).identify(userJwt=bob)
    doubtful.write("It is me.")
    at["that lost its proof"] = doubtful.identify(userJwt=broken(bob)).write("And still me, I say.")
    day.change_organization(mode=Mode.OFF)
    at["begun in mode off"] = say("With a token that nobody checks.", userJwt=ada)
    day.change_organization(mode=Mode.OPTIONAL)
    return at
