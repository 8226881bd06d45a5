"""The fixtures of an application on a database of its own."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.api.world import Clock, build_app, clock, dispose, org, prepare_database, running

__all__ = ["clock", "org", "prepare_database"]


@pytest.fixture
def app(sqlite_url: str, clock: Clock) -> Iterator[Flask]:
    """Give KalTalk on SQLite alone: what is observed has nothing to do with the database."""
    yield from running(sqlite_url, clock)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Give a browser of no particular origin."""
    return app.test_client()


@pytest.fixture
def behind_proxy(sqlite_url: str, clock: Clock) -> Iterator[FlaskClient]:
    """Give a browser of a KalTalk that has one proxy in front."""
    made = build_app(sqlite_url, clock, KALTALK_PROXY_HOPS="1")
    yield made.test_client()
    dispose(made)
