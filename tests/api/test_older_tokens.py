"""Two tabs, two tokens: the page that was rendered first does not bring back what a later page has replaced."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests, identify
from tests.api.test_steady_state import statements
from tests.api.world import Clock, customer

OLD: dict[str, Any] = {"email": "old@shop.example", "name": "Ada Byron"}
NEW: dict[str, Any] = {"email": "new@shop.example", "name": "Ada Lovelace"}


def test_an_older_token_still_proves_who_writes_but_brings_no_old_values_back(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    older = org.sign("u_1", now=clock.now, **OLD)
    identify(client, org.id, userJwt=older)
    clock.move(60)
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, **NEW))
    clock.move(10)
    with statements(app) as sent:
        answer = identify(client, org.id, userJwt=older).get_json()

    assert (answer["identity"]["state"], answer["identity"]["email"]) == ("verified", OLD["email"])
    record = customer(app, org.id, "u_1")
    assert (record.email, record.name) == (NEW["email"], NEW["name"])
    assert sent == ["SELECT"]  # two open tabs do not write against each other all day

    clock.move(16 * 60)  # the record is written again: it was seen
    identify(client, org.id, userJwt=older)
    record = customer(app, org.id, "u_1")
    assert (record.email, record.name, record.last_seen_at) == (NEW["email"], NEW["name"], clock.now)


def test_an_older_token_fills_in_what_no_newer_one_has_proven(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    older = org.sign("u_1", now=clock.now, **OLD)
    clock.move(60)
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, name=NEW["name"]))
    identify(client, org.id, userJwt=older)

    record = customer(app, org.id, "u_1")
    assert (record.email, record.email_proven, record.name) == (OLD["email"], True, NEW["name"])


@pytest.mark.parametrize("issued_at", [0, -1, -(10**400), -1e308])
def test_a_token_dated_before_everything_is_verified_and_answered(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock, issued_at: float
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, **NEW))
    answer = identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, iat=issued_at, **NEW))

    assert (answer.status_code, answer.get_json()["identity"]["state"]) == (200, "verified")


def test_a_token_without_a_date_of_signing_is_taken_as_the_newest(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, **OLD))
    undated = org.sign("u_1", now=clock.now, iat=-1, **NEW)
    identify(client, org.id, userJwt=undated)

    assert customer(app, org.id, "u_1").email == NEW["email"]


def test_what_a_leaked_secret_dated_later_does_not_outlive_the_secret(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, iat=int(clock.now) + 60, email="m@evil.example"))
    with app.app_context():
        state, thief_caught = current_state(), Actor("grace", "192.0.2.1")
        state.commit(lambda session, now: use_cases.replace_secrets(session, state.settings, thief_caught, org.id, now))
        secret = state.commit(
            lambda session, now: use_cases.reveal_current_secret(session, state.settings, thief_caught, org.id, now)
        )
    mended = OrganizationForTests(org.id, secret)
    identify(client, org.id, userJwt=mended.sign("u_1", now=clock.now, **NEW))

    assert customer(app, org.id, "u_1").email == NEW["email"]
