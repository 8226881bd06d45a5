"""Sending once, reading on from a cursor, and who may read which line of a conversation."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kaltalk_iv.core.policy import State, Verdict
from kaltalk_iv.state import current_state
from kaltalk_iv.store import messages
from kaltalk_iv.testing import OrganizationForTests, identify, read_messages, send_message, set_organization
from tests.api.world import HOUR, Clock, conversations_of, messages_of

PAGE = 100


def proven(client: FlaskClient, org: OrganizationForTests, clock: Clock, **body: object) -> str:
    """Return a session of ``u_1`` that a token has just proved."""
    return session_of(identify(client, org.id, userJwt=org.sign("u_1", now=clock.now), **body))


def session_of(answer: TestResponse) -> str:
    """Return the session that an identify handed out."""
    token: str = answer.get_json()["session"]["token"]
    return token


def texts(client: FlaskClient, session: str) -> list[str]:
    """Return what a session may read."""
    return [line["text"] for line in read_messages(client, session).get_json()["messages"]]


def reply(app: Flask, org: OrganizationForTests, text: str, now: float) -> None:
    """Answer in the organization's one conversation as an agent does."""
    (thread,) = conversations_of(app, org.id)
    with app.app_context():
        current_state().commit(
            lambda session, _now: messages.append(
                session,
                org.id,
                thread.id,
                author="agent",
                session_id=thread.session_id,
                verdict=Verdict(State(thread.state), None),
                secret_id=thread.secret_id,
                text=text,
                now=now,
                author_name="Grace",
            )
        )


def test_a_message_that_is_sent_again_is_stored_once(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = proven(client, org, clock)
    first = send_message(client, session, "hello", "m1")
    send_message(client, session, "and more", "m2")
    clock.move(5)
    again = send_message(client, session, "hello", "m1")
    assert (again.status_code, again.json) == (201, first.json)
    assert [line.text for line in messages_of(app, org.id)] == ["hello", "and more"]


def test_the_same_id_from_another_visitor_is_another_message(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    for name in ("u_1", "u_2"):
        session = session_of(identify(client, org.id, externalId=name))
        assert send_message(client, session, name, "m1").get_json()["message"]["text"] == name
    assert len(messages_of(app, org.id)) == 2


def test_no_conversation_begins_before_the_first_message(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = proven(client, org, clock)
    assert read_messages(client, session).json == {
        "messages": [],
        "cursor": "0",
        "identity": {"state": "verified", "reason": None},
    }
    assert len(conversations_of(app, org.id)) == 0


def test_a_cursor_goes_on_where_the_last_page_ended(
    client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = proven(client, org, clock)
    for number in range(PAGE + 3):
        last = send_message(client, session, str(number))
    first = read_messages(client, session).get_json()
    assert [line["text"] for line in first["messages"]] == [str(number) for number in range(PAGE)]
    second = read_messages(client, session, first["cursor"]).get_json()
    assert [line["text"] for line in second["messages"]] == ["100", "101", "102"]
    assert second["cursor"] == last.get_json()["cursor"]
    third = read_messages(client, session, second["cursor"]).get_json()
    assert (third["messages"], third["cursor"]) == ([], second["cursor"])


def test_a_cursor_of_another_conversation_opens_nothing_and_loses_nothing(
    client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    ada, eve = proven(client, org, clock), session_of(identify(client, org.id, externalId="u_2"))
    cursor = send_message(client, ada, "hers").get_json()["cursor"]
    send_message(client, eve, "mine")
    assert [line["text"] for line in read_messages(client, eve, cursor).get_json()["messages"]] == ["mine"]


def test_a_reply_reaches_the_session_that_it_answers(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = session_of(identify(client, org.id))
    send_message(client, session, "anybody there?")
    reply(app, org, "yes", clock.now)
    answer = read_messages(client, session).get_json()["messages"]
    assert [(line["author"], line["text"], line.get("name")) for line in answer] == [
        ("visitor", "anybody there?", None),
        ("agent", "yes", "Grace"),
    ]


def test_a_verified_customer_reads_the_proven_lines_on_every_device(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    phone, laptop = proven(client, org, clock), proven(client, org, clock)
    send_message(client, phone, "from the phone")
    reply(app, org, "good morning", clock.now)
    send_message(client, laptop, "from the laptop")
    assert texts(client, phone) == texts(client, laptop) == ["from the phone", "good morning", "from the laptop"]
    assert len(conversations_of(app, org.id)) == 1


def test_a_session_whose_proof_ran_out_reads_no_proven_line_and_its_change_is_noted(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = proven(client, org, clock)
    send_message(client, session, "proven")
    reply(app, org, "secret answer", clock.now)
    clock.move(HOUR)
    assert texts(client, session) == []
    send_message(client, session, "unproven")
    assert texts(client, session) == ["unproven"]
    events = [(line.author, line.state, line.reason) for line in messages_of(app, org.id) if line.author == "event"]
    assert events == [("event", "unverified", "expired")]
    renewed = proven(client, org, clock, session=session)
    assert texts(client, renewed) == ["proven", "secret answer", "unproven"]


def test_a_reply_to_an_unproven_speaker_is_not_read_by_other_sessions_of_the_customer(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = proven(client, org, clock)
    send_message(client, session, "proven")
    clock.move(HOUR - 1)
    other = proven(client, org, clock)
    clock.move(1)
    send_message(client, session, "unproven")
    reply(app, org, "to the unproven one", clock.now)
    assert texts(client, session) == ["unproven", "to the unproven one"]
    assert texts(client, other) == ["proven"]


@pytest.mark.parametrize("change", ["mode", "plan"])
def test_switching_verification_off_closes_the_proven_lines(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, change: str
) -> None:
    session = proven(client, org, clock)
    send_message(client, session, "proven")
    if change == "mode":
        set_organization(app, org.id, mode="off")
    else:
        set_organization(app, org.id, plan="free")
    assert texts(client, session) == []


def test_a_conversation_follows_who_speaks_in_it(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = proven(client, org, clock)
    send_message(client, session, "proven")
    clock.move(HOUR)
    send_message(client, session, "unproven")
    (thread,) = conversations_of(app, org.id)
    assert (thread.state, thread.reason, thread.state_since) == ("unverified", "expired", clock.now)
    assert thread.first_proven_at == clock.now - HOUR
    send_message(client, proven(client, org, clock, session=session), "proven again")
    (thread,) = conversations_of(app, org.id)
    assert (thread.state, thread.reason) == ("verified", None)
    assert [line.author for line in messages_of(app, org.id)].count("event") == 2


def test_text_is_kept_as_it_was_typed_less_what_no_database_stores(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    session = session_of(identify(client, org.id))
    sent = send_message(client, session, " a\r\nb\x00c\ud800 <b>{{7*7}}</b> \U0001f600 ")
    assert sent.get_json()["message"]["text"] == "a\nbc\ufffd <b>{{7*7}}</b> \U0001f600"
    assert texts(client, session) == [sent.get_json()["message"]["text"]]
    assert send_message(client, session, "x" * 4_000).status_code == 201
