"""KalTalk on its own, and somebody with a browser who logs in to it."""

import re
from html import unescape

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from kaltalk_iv import testing
from kaltalk_iv.service.agents import create_agent
from kaltalk_iv.state import current_state
from tests.support.leaks import keep

PASSWORD = keep("an agent's password", "a calm and quiet password")


class Staff:
    """The application with two agents; ``http`` is one browser."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.organization = testing.add_organization(app, "org_shop")

        def hire(session: Session, now: float) -> None:
            create_agent(session, "org_shop", "grace", "Grace Hopper", "admin", PASSWORD, now)
            create_agent(session, "org_shop", "alan", "Alan Turing", "agent", PASSWORD, now)

        with app.app_context():
            current_state().commit(hire)
        self.http = app.test_client()

    def get(self, path: str) -> TestResponse:
        """Look at a page."""
        return self.http.get(path, buffered=True)

    def log_in(self, login: str = "alan", password: str = PASSWORD, **fields: str) -> TestResponse:
        """Fill in the form of the login page and send it."""
        return self.submit("/login", {"login": login, "password": password} | fields)

    def log_out(self) -> TestResponse:
        """Press the button on the inbox page."""
        return self.submit("/logout", {}, form_on="/inbox")

    def submit(self, path: str, fields: dict[str, str], form_on: str | None = None) -> TestResponse:
        """Send a form with the CSRF token that stands on the page."""
        page = self.get(form_on or path)
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert found, page.status
        data = {"csrf_token": unescape(found[1])} | fields
        return self.http.post(path, data=data)

    def is_in(self) -> bool:
        """Return whether the inbox opens."""
        return self.get("/inbox").status_code == 200
