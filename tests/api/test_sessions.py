"""What a widget session is worth, until when, and what ends it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

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
from tests.api.world import HOUR, Clock, engine_of

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
