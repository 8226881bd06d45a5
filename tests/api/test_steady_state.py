"""What an identify costs the database: a known customer with unchanged claims is one SELECT and no write.

It is so whether reads go past the session or by it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.models import Secret
from kaltalk_iv.testing import OrganizationForTests, identify
from tests.api.world import Clock, customer, engine_of, rows_of, running
from tests.support.statements import told_to

QUARTER = 15 * 60
ADA: dict[str, Any] = {"email": "ada@shop.example", "name": "Ada"}


@pytest.fixture(params=[True, False], ids=["past the session", "by the session"])
def app(request: pytest.FixtureRequest, database_url: str, clock: Clock) -> Iterator[Flask]:
    """Give KalTalk as it serves, and as an application embeds it."""
    yield from running(database_url, clock, KALTALK_IV_DIRECT_SQL=request.param)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Yield the first words of every statement that the block sends to the database, once it is over."""
    sent: list[str] = []
    with told_to(engine_of(app)) as told:
        yield sent
    for statement, _values in told:
        words = statement.split()
        sent.append(" ".join(words[:2]) if words[0] == "UPDATE" else words[0])


def test_a_known_customer_with_unchanged_claims_is_one_select_and_no_write(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    session = None
    for page in range(4):
        with statements(app) as sent:
            token = org.sign("u_1", now=clock.now, **ADA)
            session = identify(client, org.id, userJwt=token, session=session).get_json()["session"]["token"]
        assert page == 0 or sent == ["SELECT"]
        clock.move(10)


def test_a_known_claim_without_a_token_is_one_select_too(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id, externalId="u_1", **ADA)
    with statements(app) as sent:
        identify(client, org.id, externalId="u_1", email="ADA@shop.example", name="Ada")
    assert sent == ["SELECT"]


def test_an_anonymous_visitor_is_one_select(app: Flask, client: FlaskClient, org: OrganizationForTests) -> None:
    with statements(app) as sent:
        identify(client, org.id)
    assert sent == ["SELECT"]


def test_a_changed_claim_is_one_update_of_the_record(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, **ADA))
    with statements(app) as sent:
        identify(client, org.id, userJwt=org.sign("u_1", now=clock.now, email=ADA["email"], name="Ada L."))
    assert sent == ["SELECT", "UPDATE kaltalk_iv_customers"]


def test_last_seen_moves_every_15_minutes_and_not_before(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    began = clock.now

    def seen(is_proven: bool) -> float:
        sub = "u_1" if is_proven else "u_2"
        body = {"userJwt": org.sign(sub, now=clock.now)} if is_proven else {"externalId": sub}
        identify(client, org.id, **body)
        return customer(app, org.id, sub).last_seen_at

    assert (seen(True), seen(False)) == (began, began)
    clock.move(QUARTER - 1)
    assert (seen(True), seen(False)) == (began, began)
    clock.move(1)
    assert (seen(True), seen(False)) == (clock.now, clock.now)


def test_the_secrets_last_use_is_noted_once_a_minute(
    app: Flask, client: FlaskClient, org: OrganizationForTests, clock: Clock
) -> None:
    def last_use() -> float | None:
        (secret,) = rows_of(app, Secret, org.id)
        used: float | None = secret.last_verified_at
        return used

    assert last_use() is None
    identify(client, org.id, userJwt="not.a.token")
    identify(client, org.id, externalId="u_1")
    assert last_use() is None
    first = clock.now
    for seconds, expected in ((0, first), (59, first), (1, first + 60)):
        clock.move(seconds)
        identify(client, org.id, userJwt=org.sign("u_1", now=clock.now))
        assert last_use() == expected
