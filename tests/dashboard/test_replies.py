"""A reply: who may read it, sent once, and never to somebody else than the agent meant."""

import pytest

from tests.dashboard.desk import Desk
from tests.dashboard.page import read_page


def test_a_reply_to_a_proven_customer_reaches_every_proven_session_of_theirs(desk: Desk) -> None:
    ada = desk.visitor().verify()
    conversation_id = ada.write("Hello")

    assert desk.reply(conversation_id, "Hello Ada").status_code == 303

    assert ada.read() == ["Hello", "Hello Ada"]
    assert desk.visitor().verify().read() == ["Hello", "Hello Ada"]


def test_a_reply_to_a_proven_customer_reaches_nobody_who_only_claims(desk: Desk) -> None:
    desk.reply(desk.visitor().verify(email="ada@example.com").write(), "Your address is 1 Main Street")

    assert desk.visitor().identify(email="ada@example.com").read() == []
    assert desk.visitor().identify(externalId="u_ada").read() == []
    assert desk.visitor().identify().read() == []


def test_a_reply_to_a_claim_reaches_that_visit_and_nobody_else(desk: Desk) -> None:
    eve = desk.visitor().identify(email="ada@example.com")
    desk.reply(eve.write("It is me, Ada"), "Please log in first")

    assert eve.read() == ["It is me, Ada", "Please log in first"]
    assert desk.visitor().identify(email="ada@example.com").read() == []
    assert desk.visitor().verify(email="ada@example.com").read() == []


def test_a_reply_after_the_proof_has_ended_waits_for_a_new_proof(desk: Desk) -> None:
    ada = desk.visitor().verify()
    conversation_id = ada.write("Hello")
    desk.clock.now += 3601

    assert "waits until this customer proves again" in desk.open(conversation_id).one(id="reach").text
    desk.reply(conversation_id, "Only for Ada")

    assert "Only for Ada" not in ada.read()
    assert "Only for Ada" in ada.verify().read()


def test_the_agent_is_told_who_will_read_a_reply(desk: Desk) -> None:
    proven = desk.open(desk.visitor().verify().write())
    claimed = desk.open(desk.visitor().identify(email="bob@example.com").write())

    assert "Only this customer can read your reply" in proven.one(id="reach").text
    assert "in this visit only" in claimed.one(id="reach").text


def test_a_double_click_is_one_reply(desk: Desk) -> None:
    ada = desk.visitor().verify()
    conversation_id = ada.write("Hello")

    for _ in range(2):
        assert desk.reply(conversation_id, "Hi", client_message_id="the-same").status_code == 303

    assert ada.read() == ["Hello", "Hi"]


def test_the_same_form_with_other_words_loses_neither(desk: Desk) -> None:
    ada = desk.visitor().verify()
    conversation_id = ada.write("Hello")
    desk.reply(conversation_id, "Hi", client_message_id="the-same")

    answer = desk.reply(conversation_id, "Something else", client_message_id="the-same")

    assert answer.status_code == 409
    page = read_page(answer.text)
    assert page.one("textarea").text == "Something else"
    assert page.one("input", name="client_message_id")["value"] != "the-same"
    assert ada.read() == ["Hello", "Hi"]


def test_words_for_a_proven_customer_are_held_back_when_the_identity_is_lost_meanwhile(desk: Desk) -> None:
    ada = desk.visitor().verify()
    conversation_id = ada.write("Hello")
    desk.clock.now += 3601
    ada.write("Which address do you have for me?")  # without proof by now

    answer = desk.reply(conversation_id, "1 Main Street", seen_state="verified")

    assert answer.status_code == 409
    page = read_page(answer.text)
    assert "identity was lost while you wrote" in page.one("p", class_="problem").text
    assert page.one("textarea").text == "1 Main Street"
    assert page.one("input", name="seen_state")["value"] == "unverified"
    assert "1 Main Street" not in ada.read()
    assert desk.reply(conversation_id, "Please log in again").status_code == 303
    assert "Please log in again" in ada.read()


@pytest.mark.parametrize("text", ["", "   \n", "x" * 4001], ids=["empty", "blank", "too long"])
def test_a_reply_of_no_use_comes_back_with_its_text(desk: Desk, text: str) -> None:
    visitor = desk.visitor().verify()
    conversation_id = visitor.write("Hello")

    answer = desk.reply(conversation_id, text)

    assert answer.status_code == 400
    assert "1 to 4000 characters" in answer.text
    assert read_page(answer.text).one("textarea").text == text.strip()
    assert visitor.read() == ["Hello"]


def test_a_reply_without_an_id_of_its_own_is_refused(desk: Desk) -> None:
    visitor = desk.visitor().verify()
    conversation_id = visitor.write("Hello")

    for nonsense in ("", "no blanks", "x" * 65):
        assert desk.reply(conversation_id, "Hi", client_message_id=nonsense).status_code == 400
    assert visitor.read() == ["Hello"]


def test_a_reply_is_signed_with_the_agents_name_and_shown_on_the_right(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write("Hello")
    desk.reply(conversation_id, "Line one\nLine <two>")

    line = desk.open(conversation_id).one("li", class_="message agent")
    assert line.one("bdi").text == "Alan Turing"
    assert line.one("p", class_="text").children == ["Line one\nLine <two>"]


def test_opening_a_conversation_marks_it_read(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write()
    assert "unread" in desk.inbox().one(data_conversation=conversation_id).text

    desk.open(conversation_id)

    assert "unread" not in desk.inbox().one(data_conversation=conversation_id).text


@pytest.mark.parametrize("form", ["reply", "status"])
def test_a_page_that_comes_back_from_a_form_leads_without_script_to_its_conversation(desk: Desk, form: str) -> None:
    visitor = desk.visitor().identify(email="ada@example.com")
    address = f"/inbox/{visitor.write()}"
    box = desk.page(f"{address}?status=all").one("form", class_=form)
    visitor.write("One more")
    fields = {field["name"]: field["value"] for field in box.all("input", type="hidden")}

    held = {"text": "password: hunter2", "status": "closed"}
    answer = desk.http.post(box["action"], data=fields | held)

    assert answer.status_code == 409
    page = read_page(answer.text)
    assert page.one("noscript").one("a")["href"] == f"{address}?status=all"
    assert page.one("nav", aria_label="Main").one("a", aria_current="true").text == "Inbox"


def test_a_reply_that_was_cut_off_on_its_way_is_not_sent(desk: Desk) -> None:
    ada = desk.visitor().verify()
    form = desk.open(ada.write("Hello")).one("form", class_="reply")
    fields = {box["name"]: box["value"] for box in form.all("input", type="hidden")}
    # As gunicorn and granian hand over what came before the agent's connection broke: they end the body themselves.
    cut_off = {"CONTENT_LENGTH": "5000", "wsgi.input_terminated": True}

    answer = desk.http.post(form["action"], data=fields | {"text": "Never "}, environ_overrides=cut_off)

    assert answer.status_code == 400
    assert ada.read() == ["Hello"]
