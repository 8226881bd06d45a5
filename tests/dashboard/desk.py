"""An agent's desk: an application with the dashboard, visitors who write to it, and the pages that the agent sees."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from kaltalk_iv import testing
from kaltalk_iv.service import settings
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import Viewer, current_state
from kaltalk_iv.testing import OrganizationForTests
from tests.dashboard.page import Element, read_page

NOON = 1767268800.0  # 2026-01-01T12:00:00Z
_numbers = itertools.count(1)


@dataclass
class Clock:
    """The time that the application sees; ``now`` may be moved."""

    now: float = NOON

    def __call__(self) -> float:
        """Return the time in Unix seconds."""
        return self.now


@dataclass
class Visit:
    """A widget with its session. ``session`` is empty until the first identify."""

    desk: "Desk"
    session: str = field(default="", repr=False)

    def identify(self, **body: Any) -> "Visit":
        """Identify as the widget does, and go on with the session that comes back."""
        asked = body | ({"session": self.session} if self.session else {})
        answer = testing.identify(self.desk.app.test_client(), self.desk.organization.id, **asked)
        assert answer.status_code == 200, answer.get_json()
        self.session = answer.get_json()["session"]["token"]
        return self

    def verify(self, sub: str = "u_ada", **claims: Any) -> "Visit":
        """Identify with a token that the organization's secret signed."""
        return self.identify(userJwt=self.desk.organization.sign(sub, now=self.desk.clock.now, **claims))

    def write(self, text: str = "Hello") -> str:
        """Send a message and return the id of the conversation that it is in."""
        answer = testing.send_message(self.desk.app.test_client(), self.session, text, f"visitor-{next(_numbers)}")
        assert answer.status_code == 201, answer.get_json()
        conversation_id: str = answer.get_json()["cursor"].split(".")[0]
        return conversation_id

    def read(self) -> list[str]:
        """Return the texts that this visitor may read."""
        answer = testing.read_messages(self.desk.app.test_client(), self.session)
        return [message["text"] for message in answer.get_json()["messages"]]


class Desk:
    """An agent of one organization, in front of a browser. ``answer`` is what the guard says."""

    def __init__(self, app: Flask, clock: Clock) -> None:
        self.app = app
        self.clock = clock
        self.organization: OrganizationForTests = testing.add_organization(app, "org_shop")
        self.answer: Viewer | Response | None = Viewer("Alan Turing", "org_shop")
        self.http = app.test_client()

    def visitor(self) -> Visit:
        """Return a new visitor, who has not identified yet."""
        return Visit(self)

    def get(self, path: str, **headers: str) -> TestResponse:
        """Look at a page."""
        return self.http.get(path, headers=headers, buffered=True)

    def page(self, path: str) -> Element:
        """Return the page at ``path``, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.status
        return read_page(answer.text)

    def open(self, conversation_id: str) -> Element:
        """Return the page of a conversation."""
        return self.page(f"/inbox/{conversation_id}")

    def inbox(self) -> Element:
        """Return the page of the inbox."""
        return read_page(self.get("/inbox").text)

    def drawer(self, conversation_id: str) -> Element:
        """Return the customer drawer of a conversation."""
        return self.open(conversation_id).one(id="customer-drawer")

    def reply(self, conversation_id: str, text: str, **fields: str) -> TestResponse:
        """Fill in the reply form and send it; ``fields`` change what it holds."""
        form = self.open(conversation_id).one("form", class_="reply")
        values = {box["name"]: box["value"] for box in form.all("input", type="hidden")}
        return self.http.post(form["action"], data=values | {"text": text} | fields)

    def replace_secrets(self) -> None:
        """Make an emergency replace of the organization's secrets."""
        with self.app.app_context():
            state = current_state()
            actor = Actor("test", "local")
            state.commit(lambda db, now: settings.replace_secrets(db, state.settings, actor, "org_shop", now))
