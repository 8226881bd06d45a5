"""A message whose answer was lost, sent again under another session: stored once, and nobody else's is met by it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kaltalk_iv.testing import OrganizationForTests, add_organization, bearer, identify
from tests.api.world import HOUR, Clock, messages_of

NIGHT = 13 * HOUR  # longer than a session lives


def begin(client: FlaskClient, org: OrganizationForTests, clock: Clock, who: str) -> str:
    """Return a new session of Ada, of somebody who claims to be her, or of nobody."""
    claims = {"verified": {"userJwt": org.sign("u_1", now=clock.now)}, "claimed": {"externalId": "u_1"}, "nobody": {}}
    token: str = identify(client, org.id, **claims[who]).get_json()["session"]["token"]
    return token


def send(client: FlaskClient, token: str, text: str, client_message_id: str, **more: object) -> TestResponse:
    """Send a message; ``more`` goes into its body."""
    body = {"text": text, "clientMessageId": client_message_id} | more
    return client.post("/v1/messages", json=body, headers=bearer(token))


@pytest.mark.parametrize("who", ["verified", "claimed", "nobody"])
@pytest.mark.parametrize("end", ["expired", "ended", "alive"])
def test_a_message_is_stored_once_though_its_session_is_over(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, who: str, end: str
) -> None:
    old = begin(client, org, clock, who)
    first = send(client, old, "Only once", "m1").get_json()["message"]
    if end == "expired":
        clock.move(NIGHT)
    elif end == "ended":
        client.delete("/v1/session", headers=bearer(old))
    new = begin(client, org, clock, who)
    again = send(client, new, "Only once", "m1", session=old)
    assert again.status_code == 201
    assert again.get_json()["message"] == first
    assert [line.text for line in messages_of(app, org.id) if line.author == "visitor"] == ["Only once"]


def test_a_message_that_had_not_arrived_is_stored_under_the_new_session(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    old = begin(client, org, clock, "verified")
    clock.move(NIGHT)
    new = begin(client, org, clock, "verified")
    assert send(client, new, "At last", "m1", session=old).status_code == 201
    assert send(client, new, "At last", "m1", session=old).status_code == 201
    assert [line.text for line in messages_of(app, org.id)] == ["At last"]


def test_who_guesses_a_message_id_learns_and_suppresses_nothing(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    ada, mallory = begin(client, org, clock, "verified"), begin(client, org, clock, "claimed")
    send(client, ada, "My card ends in 4711", "guessed")
    for earlier in (mallory, ada[:-2] + "AA", "kts1.AAAA", "", None, 7, [ada], {"session": ada}):
        answer = send(client, mallory, "Hello", "guessed", session=earlier)
        assert answer.get_json()["message"]["text"] == "Hello"
    send(client, mallory, "Where is my parcel?", "early")
    assert send(client, ada, "Where is my parcel?", "early").status_code == 201
    lines = [line.text for line in messages_of(app, org.id) if line.author == "visitor"]
    assert sorted(lines) == ["Hello", "My card ends in 4711", "Where is my parcel?", "Where is my parcel?"]


def test_an_earlier_session_of_another_organization_counts_for_nothing(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    other = add_organization(app, "org_other")
    send(client, begin(client, org, clock, "nobody"), "theirs", "m1")
    theirs = begin(client, org, clock, "nobody")
    send(client, theirs, "theirs", "m2")
    mine = begin(client, other, clock, "nobody")
    assert send(client, mine, "mine", "m2", session=theirs).get_json()["message"]["text"] == "mine"
    assert [line.text for line in messages_of(app, other.id)] == ["mine"]


def test_other_words_under_an_id_of_the_earlier_session_are_refused(
    client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    old = begin(client, org, clock, "nobody")
    send(client, old, "one", "m1")
    new = begin(client, org, clock, "nobody")
    assert send(client, new, "two", "m1", session=old).status_code == 409


def test_the_earlier_session_lets_nobody_in(client: FlaskClient, org: OrganizationForTests, clock: Clock) -> None:
    ada = begin(client, org, clock, "verified")
    send(client, ada, "one", "m1")
    assert send(client, "", "one", "m1", session=ada).status_code == 401
    clock.move(NIGHT)
    assert send(client, ada, "one", "m1", session=ada).status_code == 401
