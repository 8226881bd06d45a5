"""Fixtures for the dashboard: an application whose guard does as the test says, and KalTalk with its own login."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from werkzeug.wrappers import Response

from kaltalk_iv import KalTalkIV, Viewer, generate_encryption_key, migrations
from kaltalk_iv.server import create_app
from kaltalk_iv.state import Guard, current_state
from tests.dashboard.admin import Admin
from tests.dashboard.desk import Clock, Desk
from tests.dashboard.staff import Staff
from tests.support.in_process import serving

MakeApp = Callable[..., Flask]


@pytest.fixture
def clock() -> Clock:
    """Give the clock of this test's application."""
    return Clock()


@pytest.fixture
def make_app(tmp_path: Path, clock: Clock) -> Iterator[MakeApp]:
    """Return a function that makes an application with Flask-SQLAlchemy and the extension; one a test."""
    made: list[tuple[Flask, SQLAlchemy]] = []

    def make(guard: Guard | None, before: Callable[[Flask], object] | None = None) -> Flask:
        app = Flask("embedding", root_path=str(tmp_path))
        app.config.update(
            SECRET_KEY="a secret key for tests alone",
            KALTALK_IV_ENCRYPTION_KEYS=generate_encryption_key(),
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'embedding.sqlite3'}",
        )
        db = SQLAlchemy(app)
        if before is not None:
            before(app)
        KalTalkIV(app, db=db, guard=guard, url_prefix="", clock=clock)
        with app.app_context():
            migrations.upgrade(db.engine)
        made.append((app, db))
        return app

    yield make
    for app, db in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def make_desk(make_app: MakeApp, clock: Clock) -> Callable[..., Desk]:
    """Return a function that makes a desk; its argument sees the application before the extension does."""

    def make(before: Callable[[Flask], object] | None = None) -> Desk:
        desks: list[Desk] = []

        def guard() -> Viewer | Response | None:
            return desks[0].answer

        desks.append(Desk(make_app(guard, before), clock))
        return desks[0]

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """Give the desk of an agent of org_shop (plan pro, mode optional)."""
    return make_desk()


@pytest.fixture
def origin(desk: Desk) -> Iterator[str]:
    """Serve the desk's application on a loopback port and return its origin."""
    with serving(desk.app) as address:
        yield address


@pytest.fixture
def staff(tmp_path: Path, clock: Clock) -> Iterator[Staff]:
    """Give KalTalk on its own, with the admin grace and the agent alan."""
    settings: dict[str, Any] = {
        "SECRET_KEY": "a secret key for tests alone",
        "KALTALK_IV_ENCRYPTION_KEYS": generate_encryption_key(),
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'own.sqlite3'}",
    }
    app = create_app(settings, clock=clock)
    with app.app_context():
        engine = current_state().session.get_bind().engine
        migrations.upgrade(engine)
    yield Staff(app)
    engine.dispose()


@pytest.fixture
def admin(staff: Staff, clock: Clock) -> Admin:
    """Give the admin grace, logged in and in front of the settings of org_shop (plan pro, mode optional)."""
    return Admin(staff, clock)
