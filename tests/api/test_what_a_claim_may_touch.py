"""A claim without proof lands on a record and moves as little as possible there, in what agents see too."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.core.policy import State
from kaltalk_iv.service import inbox
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, identify, read_messages, send_message
from tests.api.world import Clock, customer, customers_of


def session_of(client: FlaskClient, org: OrganizationForTests, **body: object) -> str:
    """Return the session that an identify hands out."""
    token: str = identify(client, org.id, **body).get_json()["session"]["token"]
    return token


def entries(app: Flask, org: OrganizationForTests) -> tuple[inbox.Entry, ...]:
    """Return the inbox."""
    with app.app_context():
        state = current_state()
        return inbox.list_conversations(state.session, org.id, state.clock()).entries


def test_an_id_that_is_only_claimed_is_never_written_on_a_record_that_is_there(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    ada = session_of(client, org, email="ada@example.com", name="Ada")
    send_message(client, ada, "My card ends in 4711")
    clock.move(1)
    session_of(client, org, externalId="u_mallory", email="ada@example.com")
    clock.move(1)
    mallory = session_of(client, org, userJwt=org.sign("u_mallory", now=clock.now))
    send_message(client, mallory, "Hello")

    by_email = {record.email: record.external_id for record in customers_of(app, org.id)}
    assert by_email == {"ada@example.com": None, None: "u_mallory"}
    assert customer(app, org.id, "u_mallory").name is None
    assert [entry.title for entry in entries(app, org)] == ["u_mallory", "Ada"]


def test_a_name_that_nobody_proved_does_not_head_a_green_conversation(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session_of(client, org, externalId="u_1", name="Grace Hopper", email="grace@example.com")
    session = session_of(client, org, userJwt=org.sign("u_1", now=clock.now))
    send_message(client, session, "Hello")

    [entry] = entries(app, org)
    assert (entry.verdict.state, entry.title) == (State.VERIFIED, "u_1")


@pytest.mark.parametrize("known", [True, False])
def test_an_anonymous_chat_that_then_claims_to_be_somebody_is_amber_at_once(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, known: bool
) -> None:
    if known:
        session_of(client, org, userJwt=org.sign("u_ada", now=clock.now, email="ada@example.com", name="Ada"))
    anonymous = session_of(client, org)
    send_message(client, anonymous, "Where is my parcel?")
    claimed = session_of(client, org, email="ada@example.com", session=anonymous)

    [entry] = entries(app, org)
    assert (entry.verdict.state, entry.verdict.reason) == (State.UNVERIFIED, "no_token")
    assert entry.conversation.claimed_email == "ada@example.com"
    assert [line["text"] for line in read_messages(client, claimed).get_json()["messages"]] == ["Where is my parcel?"]


def test_a_bare_name_keeps_its_thread(client: FlaskClient, org: OrganizationForTests) -> None:
    first = session_of(client, org, name="Ann")
    send_message(client, first, "one")
    second = session_of(client, org, name="Ann", session=first)

    assert [line["text"] for line in read_messages(client, second).get_json()["messages"]] == ["one"]


def test_other_words_under_the_same_id_are_refused_and_not_swallowed(
    client: FlaskClient, org: OrganizationForTests
) -> None:
    session = session_of(client, org)
    send_message(client, session, "one", "m1")
    again = send_message(client, session, "two", "m1")

    assert (again.status_code, again.get_json()["code"]) == (409, "conflict")
