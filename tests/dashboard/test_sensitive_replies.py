"""A reply that holds something sensitive: asked about once for the unproven, and a signing secret is never sent."""

import pytest

from kaltalk_iv.core.sensitive import Kind
from kaltalk_iv.core.text import MAX_MESSAGE
from kaltalk_iv.dashboard.wording import KINDS
from kaltalk_iv.testing import set_organization
from tests.dashboard.desk import Desk, Visit
from tests.dashboard.page import Element, read_page

WORDS = "Your address is ada@example.com"
SECRET = "ktiv_" + "Ab3-_x" * 7 + "Z"


def unproven(desk: Desk, kind: str) -> Visit:
    """Return somebody who has proven nothing, in one of the ways in which that can be."""
    if kind == "mode off":
        set_organization(desk.app, "org_shop", mode="off")
    claims = {} if kind == "anonymous" else {"email": "ada@example.com"}
    return desk.visitor().identify(**claims)


def held(desk: Desk, conversation_id: str, text: str, **fields: str) -> Element:
    """Send a reply that must come back, and return its page."""
    answer = desk.reply(conversation_id, text, **fields)
    assert answer.status_code == 409
    return read_page(answer.text)


def send_anyway(desk: Desk, page: Element, **fields: str) -> int:
    """Press "Send anyway" on a page that came back, as a browser does; ``fields`` change what it holds."""
    form = page.one("form", class_="reply")
    values = {box["name"]: box["value"] for box in form.all("input", type="hidden")}
    values |= {"text": form.one("textarea").text, "confirmed": form.one("button", name="confirmed")["value"]}
    return desk.http.post(form["action"], data=values | fields).status_code


@pytest.mark.parametrize("kind", ["claimed", "anonymous", "mode off"])
def test_it_is_asked_about_before_it_goes_to_somebody_who_has_proven_nothing(desk: Desk, kind: str) -> None:
    visitor = unproven(desk, kind)
    conversation_id = visitor.write("Hello")

    page = held(desk, conversation_id, WORDS)

    problem = page.one("div", class_="problem")
    assert "Send this to somebody who has not proven who they are?" in problem.text
    assert problem.one(data_finding="email").text == "ada@example.com"
    assert page.one("textarea").text == WORDS
    assert visitor.read() == ["Hello"]

    assert send_anyway(desk, page) == 303
    assert visitor.read() == ["Hello", WORDS]


def test_it_goes_to_a_proven_customer_at_once(desk: Desk) -> None:
    ada = desk.visitor().verify(email="ada@example.com")

    assert desk.reply(ada.write("Hello"), WORDS).status_code == 303
    assert ada.read() == ["Hello", WORDS]


def test_a_reply_without_anything_sensitive_is_not_asked_about(desk: Desk) -> None:
    visitor = desk.visitor().identify(email="ada@example.com")

    assert desk.reply(visitor.write("Hello"), "Order 4711 was sent on 12.12.2025").status_code == 303


def test_other_words_than_those_that_were_confirmed_are_asked_about_again(desk: Desk) -> None:
    visitor = desk.visitor().identify(email="ada@example.com")
    page = held(desk, visitor.write("Hello"), WORDS)

    assert send_anyway(desk, page, text=f"{WORDS}, password: hunter2") == 409
    assert visitor.read() == ["Hello"]


def test_a_confirmation_is_worth_nothing_for_another_reader(desk: Desk) -> None:
    mallory = desk.visitor().identify(email="mallory@example.com")
    bob = desk.visitor().identify(email="bob@example.com")
    confirmed = held(desk, bob.write("Hello"), WORDS).one("button", name="confirmed")["value"]

    held(desk, mallory.write("Hello"), WORDS, confirmed=confirmed)

    assert mallory.read() == ["Hello"]


@pytest.mark.parametrize("confirmed", ["yes", "on", "0" * 32, "\x00", "é"])
def test_an_invented_confirmation_asks_like_none(desk: Desk, confirmed: str) -> None:
    visitor = desk.visitor().identify(email="ada@example.com")

    held(desk, visitor.write("Hello"), WORDS, confirmed=confirmed)

    assert visitor.read() == ["Hello"]


def test_line_breaks_as_browsers_send_them_change_no_confirmation(desk: Desk) -> None:
    visitor = desk.visitor().identify(email="ada@example.com")
    page = held(desk, visitor.write("Hello"), f"Two lines:\n{WORDS}")

    assert send_anyway(desk, page, text=f"\r\nTwo lines:\r\n{WORDS}  ") == 303
    assert visitor.read()[-1] == f"Two lines:\n{WORDS}"


def test_a_double_click_on_send_anyway_is_one_reply(desk: Desk) -> None:
    visitor = desk.visitor().identify(email="ada@example.com")
    page = held(desk, visitor.write("Hello"), WORDS)

    assert [send_anyway(desk, page), send_anyway(desk, page)] == [303, 303]
    assert visitor.read() == ["Hello", WORDS]


@pytest.mark.parametrize("kind", ["proven", "claimed"])
def test_a_signing_secret_is_sent_to_nobody(desk: Desk, kind: str) -> None:
    visitor = desk.visitor()
    visitor = visitor.verify() if kind == "proven" else visitor.identify(email="ada@example.com")
    conversation_id = visitor.write("Hello")

    page = held(desk, conversation_id, f"It is {SECRET}")

    problem = page.one("div", class_="problem")
    assert "never sent" in problem.text
    assert KINDS[Kind.SIGNING_SECRET] in problem.text
    assert SECRET not in problem.text
    assert problem.all("button") == []
    assert page.one("textarea").text == f"It is {SECRET}"
    assert visitor.read() == ["Hello"]


def test_a_signing_secret_is_not_sent_with_a_confirmation_for_something_else_in_it(desk: Desk) -> None:
    visitor = desk.visitor().identify(email="ada@example.com")
    conversation_id = visitor.write("Hello")
    confirmed = held(desk, conversation_id, WORDS).one("button", name="confirmed")["value"]

    held(desk, conversation_id, f"{WORDS} {SECRET}", confirmed=confirmed)

    assert visitor.read() == ["Hello"]


def test_identity_lost_meanwhile_is_said_before_what_the_reply_holds(desk: Desk) -> None:
    ada = desk.visitor().verify()
    conversation_id = ada.write("Hello")
    desk.clock.now += 3601
    ada.write("Which address do you have?")

    page = held(desk, conversation_id, WORDS, seen_state="verified")
    assert "identity was lost while you wrote" in page.one(class_="problem").text

    page = held(desk, conversation_id, WORDS)
    assert "has not proven who they are" in page.one(class_="problem").text


def test_what_was_found_is_inert_text(desk: Desk) -> None:
    visitor = desk.visitor().identify(email="ada@example.com")

    page = held(desk, visitor.write("Hello"), "password: <b>\"'{{7*7}}")

    assert page.one(data_finding="password").text == "password: <b>\"'{{7*7}}"


def test_the_longest_reply_comes_back_whole(desk: Desk) -> None:
    visitor = desk.visitor().identify(email="ada@example.com")
    text = ("ada@example.com " * 300)[:MAX_MESSAGE].strip()

    page = held(desk, visitor.write("Hello"), text)

    assert page.one("textarea").text == text
    assert len(page.all(data_finding=None)) == 1
