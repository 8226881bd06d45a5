"""Who goes on as the visitor of before, and who starts afresh: what passing an old session to identify buys."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kaltalk_iv.testing import (
    OrganizationForTests,
    add_organization,
    bearer,
    identify,
    read_messages,
    send_message,
)
from tests.api.world import HOUR, Clock, conversations_of, customers_of, messages_of

LIFETIME = 12 * HOUR


def verified(client: FlaskClient, org: OrganizationForTests, clock: Clock, sub: str = "u_1", **body: object) -> str:
    """Return the session of a customer whom a token has just verified."""
    answer = identify(client, org.id, userJwt=org.sign(sub, now=clock.now), **body)
    assert answer.get_json()["identity"]["state"] == "verified"
    token: str = answer.get_json()["session"]["token"]
    return token


def test_a_session_of_another_organization_goes_on_nowhere_else(
    app: Flask, client: FlaskClient, org: OrganizationForTests
) -> None:
    other = add_organization(app, "org_other")
    first = identify(client, org.id, externalId="u_1")
    send_message(client, first.get_json()["session"]["token"], "to the first")
    second = identify(client, other.id, externalId="u_1", session=first.get_json()["session"]["token"])
    assert second.get_json()["session"]["id"] != first.get_json()["session"]["id"]
    assert read_messages(client, second.get_json()["session"]["token"]).get_json()["messages"] == []
    assert len(messages_of(app, other.id)) == 0


def test_a_renewal_by_the_same_customer_goes_on(client: FlaskClient, org: OrganizationForTests, clock: Clock) -> None:
    first = verified(client, org, clock)
    send_message(client, first, "one")
    clock.move(HOUR)
    second = verified(client, org, clock, session=first)
    send_message(client, second, "two")
    assert [line["text"] for line in read_messages(client, second).get_json()["messages"]] == ["one", "two"]


@pytest.mark.parametrize("prior", ["proven", "claimed"])
@pytest.mark.parametrize("next_is", ["proven", "claimed", "nobody"])
def test_another_customer_on_the_same_browser_starts_afresh(
    client: FlaskClient, org: OrganizationForTests, clock: Clock, prior: str, next_is: str
) -> None:
    ada = verified(client, org, clock) if prior == "proven" else _token(identify(client, org.id, externalId="u_1"))
    send_message(client, ada, "hers", "m1")
    body: dict[str, object] = {"session": ada}
    if next_is == "proven":
        body["userJwt"] = org.sign("u_2", now=clock.now)
    elif next_is == "claimed":
        body["externalId"] = "u_2"
    bob = _token(identify(client, org.id, **body))
    assert read_messages(client, bob).get_json()["messages"] == []
    sent = send_message(client, bob, "his", "m1")
    assert sent.get_json()["message"]["text"] == "his"
    assert [line["text"] for line in read_messages(client, bob).get_json()["messages"]] == ["his"]
    assert [line["text"] for line in read_messages(client, ada).get_json()["messages"]] == ["hers"]


@pytest.mark.parametrize("dead", ["altered", "expired", "ended", "number", "list"])
def test_a_dead_session_is_no_reason_to_refuse_an_identify_and_buys_nothing(
    client: FlaskClient, org: OrganizationForTests, clock: Clock, dead: str
) -> None:
    old = verified(client, org, clock)
    send_message(client, old, "before")
    passed: object = old
    if dead == "altered":
        passed = old[:-2] + "AA"
    elif dead == "expired":
        clock.move(LIFETIME)
    elif dead == "ended":
        client.delete("/v1/session", headers=bearer(old))
    else:
        passed = 1 if dead == "number" else [old]
    answer = identify(client, org.id, externalId="u_1", session=passed)
    assert answer.get_json()["identity"]["state"] == "unverified"
    assert read_messages(client, _token(answer)).get_json()["messages"] == []


def test_a_session_is_opaque(client: FlaskClient, org: OrganizationForTests, clock: Clock) -> None:
    session = verified(client, org, clock)
    assert re.fullmatch(r"[A-Za-z0-9._~+/=-]+", session)
    assert org.secret not in session


def test_an_anonymous_chat_is_linked_to_whom_it_turns_out_to_be_and_no_other_is(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    mine, others = _token(identify(client, org.id)), _token(identify(client, org.id))
    send_message(client, mine, "who am I")
    send_message(client, others, "somebody else")
    ada = verified(client, org, clock, session=mine)
    assert [line["text"] for line in read_messages(client, ada).get_json()["messages"]] == ["who am I"]
    owners = {thread.last_message: thread.customer_id for thread in conversations_of(app, org.id)}
    assert owners["who am I"] is not None
    assert owners["somebody else"] is None


def test_an_anonymous_session_that_another_tab_named_goes_on_on_its_own(
    client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    anonymous = _token(identify(client, org.id))
    send_message(client, anonymous, "before")
    ada = verified(client, org, clock, session=anonymous)
    bob = verified(client, org, clock, sub="u_2", session=anonymous)
    assert read_messages(client, anonymous).get_json()["messages"] == []
    for token, text in ((bob, "his"), (anonymous, "mine")):
        clock.move(1)
        send_message(client, token, text)
    assert [line["text"] for line in read_messages(client, bob).get_json()["messages"]] == ["his"]
    assert [line["text"] for line in read_messages(client, anonymous).get_json()["messages"]] == ["mine"]
    assert [line["text"] for line in read_messages(client, ada).get_json()["messages"]] == ["before"]


@pytest.mark.parametrize("external_id", ["u_1", "u_2", "u_nobody"])
@pytest.mark.parametrize("email", ["home@shop.example", "nobody@shop.example"])
def test_nobody_learns_from_their_own_lines_which_claims_share_a_record(
    client: FlaskClient, org: OrganizationForTests, clock: Clock, external_id: str, email: str
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, email="home@shop.example"))
    session = _token(identify(client, org.id, email=email))
    send_message(client, session, "one")
    session = _token(identify(client, org.id, externalId=external_id, email=email, session=session))
    assert [line["text"] for line in read_messages(client, session).get_json()["messages"]] == ["one"]
    send_message(client, session, "two")
    assert [line["text"] for line in read_messages(client, session).get_json()["messages"]] == ["one", "two"]


def test_an_unproven_conversation_follows_its_speakers_claims_and_a_proven_one_stays_with_its_customer(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    home = "home@shop.example"
    ada = verified(client, org, clock, email=None)
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, email=home))
    clock.move(1)
    identify(client, org.id, userJwt=org.sign("u_2", now=clock.now, email=home))
    send_message(client, ada, "proven of the first")
    claimed = _token(identify(client, org.id, email=home))
    send_message(client, claimed, "claimed, lands on the second")
    claimed = _token(identify(client, org.id, externalId="u_1", email=home, session=claimed))
    send_message(client, claimed, "claimed, lands on the first")

    named = {record.id: record.external_id for record in customers_of(app, org.id)}
    owners = {thread.last_message: named[thread.customer_id] for thread in conversations_of(app, org.id)}
    assert owners == {"proven of the first": "u_1", "claimed, lands on the first": "u_1"}


def test_two_who_went_on_from_one_anonymous_session_do_not_get_each_others_words(
    client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    anonymous = _token(identify(client, org.id))
    ada, bob = (verified(client, org, clock, sub=sub, session=anonymous) for sub in ("u_1", "u_2"))
    send_message(client, ada, "my card is lost", "guessed")
    answer = send_message(client, bob, "hello", "guessed")
    assert "card" not in answer.text
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")
    assert send_message(client, bob, "hello", "fresh").status_code == 201


def _token(answer: TestResponse) -> str:
    token: str = answer.get_json()["session"]["token"]
    return token
