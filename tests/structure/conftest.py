"""KalTalk with two organizations, and the sample host as the demo runs it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app import make_demo
from kaltalk_iv import testing
from tests.api.world import app, clock, prepare_database
from tests.dashboard.staff import PASSWORD, Staff

__all__ = ["app", "clock", "prepare_database"]


@pytest.fixture
def staff(app: Flask) -> Staff:
    """Give KalTalk with org_shop, its admin grace, its agent alan, and a browser of each to log in with."""
    return Staff(app)


@pytest.fixture
def conversation_of_others(staff: Staff) -> str:
    """Give the id of a conversation that belongs to another organization."""
    http = staff.app.test_client()
    testing.add_organization(staff.app, "org_other")
    session = testing.identify(http, "org_other", externalId="u_1").get_json()["session"]["token"]
    cursor: str = testing.send_message(http, session, "Private words").get_json()["cursor"]
    return cursor.partition(".")[0]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Flask]:
    """Give the sample host as `make demo` runs it, the lab included."""
    demo = make_demo({"KALTALK_DEMO_DIR": str(tmp_path), "KALTALK_DEMO_PASSWORD": PASSWORD})
    yield demo.host
    for party in (demo.host, demo.kaltalk):
        with party.app_context():
            database = party.extensions["sqlalchemy"]
            database.session.remove()
            database.engine.dispose()
