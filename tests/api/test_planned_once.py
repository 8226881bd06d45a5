"""SQLite plans what widgets ask once for each connection, and not at each call.

It plans a statement anew whose bound value it compares with the condition of a partial index, and says nothing of it.
"""

import sqlite3
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kaltalk_iv.testing import OrganizationForTests, add_organization, bearer, identify, read_messages, send_message
from tests.api.test_messages import proven, session_of
from tests.api.world import Clock, engine_of
from tests.support.statements import each_connection

Ask = Callable[[FlaskClient, OrganizationForTests, Clock, int], int]


@pytest.fixture
def planned(sqlite_app: Flask) -> Iterator[list[object]]:
    """Give what SQLite asks while it plans: whether it may read this column, and so on."""
    asked: list[object] = []

    def may(*what: object) -> int:
        asked.append(what)
        return sqlite3.SQLITE_OK

    def watch(connection: sqlite3.Connection, _record: object) -> None:
        connection.set_authorizer(may)

    with each_connection(engine_of(sqlite_app), watch):
        yield asked


def new_customer(client: FlaskClient, org: OrganizationForTests, clock: Clock, number: int) -> int:
    token = org.sign(f"u_{number}", now=clock.now, email=f"u_{number}@shop.example", name="Ada")
    return identify(client, org.id, userJwt=token).status_code


def changed_claims(client: FlaskClient, org: OrganizationForTests, clock: Clock, number: int) -> int:
    return identify(client, org.id, userJwt=org.sign("u_0", now=clock.now, name=f"Ada {number}")).status_code


def claim(client: FlaskClient, org: OrganizationForTests, _clock: Clock, number: int) -> int:
    return identify(client, org.id, email=f"c_{number}@shop.example").status_code


def line(client: FlaskClient, org: OrganizationForTests, clock: Clock, number: int) -> int:
    return send_message(client, proven(client, org, clock), f"line {number}", f"m{number}").status_code


def poll(client: FlaskClient, org: OrganizationForTests, clock: Clock, _number: int) -> int:
    return read_messages(client, proven(client, org, clock)).status_code


def first_line_and_name(client: FlaskClient, org: OrganizationForTests, clock: Clock, number: int) -> int:
    session = session_of(identify(client, org.id))
    send_message(client, session, "Hello", "m")
    return identify(client, org.id, userJwt=org.sign(f"u_{number}", now=clock.now), session=session).status_code


def ended(client: FlaskClient, org: OrganizationForTests, _clock: Clock, _number: int) -> int:
    return client.delete("/v1/session", headers=bearer(session_of(identify(client, org.id)))).status_code


@pytest.mark.parametrize("ask", [new_customer, changed_claims, claim, line, poll, first_line_and_name, ended])
def test_what_was_planned_is_not_planned_again(
    sqlite_app: Flask, planned: list[object], clock: Clock, ask: Ask
) -> None:
    client, org, numbers = sqlite_app.test_client(), add_organization(sqlite_app), count()
    for _ in range(3):
        assert ask(client, org, clock, next(numbers)) < 300
    assert planned

    planned.clear()
    for _ in range(3):
        assert ask(client, org, clock, next(numbers)) < 300
    assert planned == []
