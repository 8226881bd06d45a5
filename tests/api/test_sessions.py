"""What a widget session is worth, until when, to whom, and what passing an old one to identify buys."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import (
    OrganizationForTests,
    add_organization,
    bearer,
    identify,
    read_messages,
    send_message,
    set_organization,
)
from tests.api.world import HOUR, Clock, conversations_of, customers_of, engine_of, messages_of

LIFETIME = 12 * HOUR


def verified(client: FlaskClient, org: OrganizationForTests, clock: Clock, sub: str = "u_1", **body: object) -> str:
    """Return the session of a customer whom a token has just verified."""
    answer = identify(client, org.id, userJwt=org.sign(sub, now=clock.now), **body)
    assert answer.get_json()["identity"]["state"] == "verified"
    token: str = answer.get_json()["session"]["token"]
    return token


def refusal(client: FlaskClient, session: str) -> str | None:
    """Return the code with which a session is refused, the same for each use, or None when it is let in."""
    sent, read = send_message(client, session, "hello"), read_messages(client, session)
    if sent.status_code == 201:
        assert read.status_code == 200
        return None
    assert sent.status_code == read.status_code == 401
    assert sent.headers["WWW-Authenticate"].startswith("Bearer")
    assert sent.get_json()["code"] == read.get_json()["code"]
    code: str = sent.get_json()["code"]
    return code


def state(client: FlaskClient, session: str) -> tuple[str, str | None]:
    """Return the state and the reason that a session has now."""
    identity = read_messages(client, session).get_json()["identity"]
    return identity["state"], identity["reason"]


def test_every_altered_session_is_refused(client: FlaskClient, org: OrganizationForTests, clock: Clock) -> None:
    session = verified(client, org, clock)
    step = max(1, len(session) // 40)  # each place costs a request
    for place in range(0, len(session), step):
        other = "A" if session[place] != "A" else "B"
        assert refusal(client, session[:place] + other + session[place + 1 :]) == "session_invalid", place
    for text in (session[:-1], session + "A", session[1:], session.swapcase(), session + "=", session * 2, "x" * 7000):
        assert refusal(client, text) == "session_invalid"


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic abc", "bearer\tx", "Bearer \u00e9", "Bearer a b"]
)
def test_a_header_that_holds_no_session_is_a_401_and_no_error(
    client: FlaskClient, org: OrganizationForTests, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    for answer in (client.get("/v1/messages", headers=headers), client.delete("/v1/session", headers=headers)):
        assert (answer.status_code, answer.get_json()["code"]) == (401, "session_invalid")


def test_a_user_token_is_no_session_and_a_session_no_user_token(
    client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    assert refusal(client, org.sign("u_1", now=clock.now)) == "session_invalid"
    session = verified(client, org, clock)
    assert identify(client, org.id, userJwt=session).get_json()["identity"]["reason"] == "malformed"


def test_a_session_stands_in_no_query(client: FlaskClient, org: OrganizationForTests, clock: Clock) -> None:
    session = verified(client, org, clock)
    assert client.get("/v1/messages", query_string={"access_token": session}).status_code == 401


def test_a_session_ends_at_its_exact_second(client: FlaskClient, org: OrganizationForTests, clock: Clock) -> None:
    answer = identify(client, org.id, externalId="u_1")
    assert answer.get_json()["session"]["expiresAt"] == "2026-01-02T00:00:00.000Z"
    session = answer.get_json()["session"]["token"]
    clock.move(LIFETIME - 1)
    assert refusal(client, session) is None
    clock.move(1)
    assert refusal(client, session) == "session_expired"


def test_traffic_does_not_make_a_session_longer(client: FlaskClient, org: OrganizationForTests, clock: Clock) -> None:
    session = identify(client, org.id, externalId="u_1").get_json()["session"]["token"]
    for _hour in range(12):
        assert refusal(client, session) is None
        clock.move(HOUR)
    assert refusal(client, session) == "session_expired"


def test_an_ended_session_is_refused_with_every_other_of_its_visit(
    client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    first = verified(client, org, clock)
    second = verified(client, org, clock, session=first)
    stranger = verified(client, org, clock)
    assert client.delete("/v1/session", headers=bearer(first)).status_code == 204
    assert client.delete("/v1/session", headers=bearer(first)).status_code == 204
    assert [refusal(client, token) for token in (first, second, stranger)] == ["session_ended", "session_ended", None]
    third = verified(client, org, clock, session=second)
    assert refusal(client, third) is None


def test_a_verified_session_is_worth_as_long_as_its_token(
    client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = verified(client, org, clock)
    clock.move(HOUR - 1)
    assert state(client, session) == ("verified", None)
    clock.move(1)
    assert state(client, session) == ("unverified", "expired")


def test_a_replaced_secret_takes_its_sessions_with_it(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session, claimed = (
        verified(client, org, clock),
        identify(client, org.id, externalId="u_2").get_json()["session"]["token"],
    )
    with app.app_context():
        now = current_state()
        now.commit(lambda s, t: use_cases.replace_secrets(s, now.settings, Actor("a", "b"), org.id, t))
    assert state(client, session) == ("unverified", "secret_revoked")
    assert state(client, claimed) == ("unverified", "no_token")
    assert refusal(client, session) is None
    set_organization(app, org.id, mode="required")
    assert refusal(client, session) == "secret_revoked"


def test_a_change_of_mode_or_plan_counts_at_the_next_request(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    proven, claimed = (
        verified(client, org, clock),
        identify(client, org.id, externalId="u_2").get_json()["session"]["token"],
    )
    nobody = identify(client, org.id).get_json()["session"]["token"]
    set_organization(app, org.id, mode="off")
    assert [state(client, token)[1] for token in (proven, claimed, nobody)] == ["verification_off"] * 2 + [None]
    set_organization(app, org.id, mode="required")
    assert [refusal(client, token) for token in (proven, claimed, nobody)] == [None, "no_token", None]
    set_organization(app, org.id, plan="starter")
    assert state(client, proven) == ("unverified", "verification_off")
    assert state(client, claimed) == ("unverified", "verification_off")


def test_a_session_of_a_deleted_organization_is_refused(app: Flask, client: FlaskClient) -> None:
    org = add_organization(app, "org_gone")
    session = identify(client, org.id).get_json()["session"]["token"]
    with engine_of(app).begin() as connection:
        for table in ("secrets", "audit_events", "organizations"):
            key = "id" if table == "organizations" else "organization_id"
            connection.exec_driver_sql(f"DELETE FROM kaltalk_iv_{table} WHERE {key} = 'org_gone'")  # noqa: S608
    assert refusal(client, session) == "session_invalid"
    assert identify(client, org.id).status_code == 404


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


def test_one_email_that_lands_on_two_records_in_turn_moves_no_conversation_between_them(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    home = "home@shop.example"
    for sub in ("u_1", "u_2"):
        clock.move(1)
        identify(client, org.id, userJwt=org.sign(sub, now=clock.now, email=home))
    session = _token(identify(client, org.id, email=home))
    send_message(client, session, "lands on the second")
    session = _token(identify(client, org.id, externalId="u_1", email=home, session=session))
    assert read_messages(client, session).get_json()["messages"] == []
    send_message(client, session, "lands on the first")
    named = {record.id: record.external_id for record in customers_of(app, org.id)}
    owners = {thread.last_message: named[thread.customer_id] for thread in conversations_of(app, org.id)}
    assert owners == {"lands on the second": "u_2", "lands on the first": "u_1"}


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
