"""Somebody in the lab without a browser, and what KalTalk has stored."""

import json
from typing import Any

from sqlalchemy import inspect, text
from werkzeug.test import TestResponse

from app import ORGANIZATION_ID, Demo
from kaltalk_iv.testing import identify
from tests.host_demo.visitor import Visitor

PASSWORD = "a password for the lab"


def dispose(*demos: Demo) -> None:
    """Close the connections of both parties."""
    for party in (party for made in demos for party in (made.host, made.kaltalk)):
        with party.app_context():
            party.extensions["sqlalchemy"].session.remove()
            party.extensions["sqlalchemy"].engine.dispose()


class Reader(Visitor):
    """Somebody who is logged in to the shop and has the lab open."""

    def __init__(self, demo: Demo, username: str) -> None:
        super().__init__(demo.host)
        self.log_in(username, PASSWORD)
        self.headers = {"X-CSRFToken": self.csrf_token("/lab")}

    def post(self, path: str, **data: str) -> TestResponse:
        """Send what the lab's page sends."""
        return self.http.post(f"/lab/{path}", data=data, headers=self.headers)


def press(visitor: Reader, experiment: str) -> TestResponse:
    """Ask the shop for what this experiment sends."""
    return visitor.post("prepare", experiment=experiment)


def look(visitor: Reader, experiment: str, session: str) -> dict[str, Any]:
    """Ask the shop for what KalTalk holds after an experiment."""
    found: dict[str, Any] = visitor.post("seen", experiment=experiment, session=session).get_json()
    return found


def send(demo: Demo, prepared: dict[str, Any]) -> dict[str, Any]:
    """Identify with what the lab prepared, as its page does."""
    answer = identify(demo.kaltalk.test_client(), ORGANIZATION_ID, **json.loads(prepared["body"]))
    found: dict[str, Any] = answer.get_json()
    return found


def everything_stored(demo: Demo) -> dict[str, list[Any]]:
    """Every row of KalTalk's database."""
    with demo.kaltalk.app_context():
        engine = demo.kaltalk.extensions["sqlalchemy"].engine
        with engine.connect() as connection:
            tables = inspect(engine).get_table_names()
            return {
                table: sorted(map(repr, connection.execute(text(f"SELECT * FROM {table}"))))  # noqa: S608 - our own names
                for table in tables
            }


def current_secret(demo: Demo) -> str:
    """What the shop signs with."""
    secret: str = demo.host.config["KALTALK_IV_SECRET"]
    return secret
