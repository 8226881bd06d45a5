"""Fixtures for the sample host: the shop on a database with Ada and Bob in it, and people who visit it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

import host_demo
from tests.host_demo.mail import EVE, Post
from tests.host_demo.visitor import PASSWORD, SECRET, Clock, Visitor
from tests.support.databases import Prepare

SETTINGS = {
    "HOST_SECRET_KEY": "a secret key for tests alone, long enough",
    "KALTALK_IV_SECRET": SECRET,
    "KALTALK_ORGANIZATION_ID": "org_demo",
    "KALTALK_ORIGIN": "/kaltalk",
}
MakeApp = Callable[..., Flask]


@pytest.fixture(scope="session")
def prepare_database() -> Prepare:
    """Fill an empty database with the tables, Ada and Bob."""
    return open_shop


def open_shop(url: str) -> None:
    """Make the tables and two customers in the database at `url`."""
    app = host_demo.create_app({**SETTINGS, "HOST_DATABASE_URL": url})
    with app.app_context():
        host_demo.create_tables()
        host_demo.add_user("ada", PASSWORD, "Ada Lovelace", "ada@example.com")
        host_demo.add_user("bob", PASSWORD, "Bob", "bob@example.com")
        host_demo.db.engine.dispose()


@pytest.fixture
def clock() -> Clock:
    """The clock that the host of this test looks at."""
    return Clock()


@pytest.fixture
def make_app(request: pytest.FixtureRequest, clock: Clock) -> Iterator[MakeApp]:
    """Return a function that makes a host with some settings changed; on SQLite unless told otherwise."""
    apps: list[Flask] = []

    def make(**settings: Any) -> Flask:
        if "HOST_DATABASE_URL" not in settings:
            settings["HOST_DATABASE_URL"] = request.getfixturevalue("sqlite_url")
        apps.append(host_demo.create_app({**SETTINGS, "HOST_CLOCK": clock, **settings}))
        return apps[-1]

    yield make
    for app in apps:
        with app.app_context():
            host_demo.db.session.remove()
            host_demo.db.engine.dispose()


@pytest.fixture
def post() -> Post:
    """The mail of the shop."""
    return Post()


@pytest.fixture
def app(make_app: MakeApp, post: Post) -> Flask:
    """The host with every setting in place."""
    return make_app(HOST_SEND_MAIL=post)


@pytest.fixture
def eve(app: Flask) -> Visitor:
    """Somebody who registered with the address of somebody else."""
    visitor = Visitor(app)
    assert visitor.submit("/register", **EVE).status_code == 302
    return visitor


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    """Someone who is not logged in."""
    return Visitor(app)


@pytest.fixture
def ada(app: Flask) -> Visitor:
    """Ada, logged in."""
    visitor = Visitor(app)
    assert visitor.log_in().status_code == 302
    return visitor
